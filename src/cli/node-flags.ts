// The flags of a replica's Node process. V8 reads them once, before any of our code runs, so a
// program cannot set them for itself: the container and cluster/child.ts pass them, and
// docs/operations.md names them for every other way to start a replica.
//
// The young generation: Node 20 lets it grow to 32 MiB, Node 24 to 128 MiB. More than 32 MiB saved
// no CPU that could be told from noise, and cost 35 to 85 MB of memory at a busy replica.

export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=16'];
