// How a replica's Node process is started. V8 reads these flags once, before any of our code runs,
// so a program cannot set them for itself: whatever starts a replica gives them (the container,
// cluster/child.ts), and docs/operations.md names them for everything else.
//
// The young generation: Node 20 lets it grow to 32 MiB, two halves of 16, and Node 24 to 128. More
// than 32 saved no CPU that could be told from noise, for writes or reads, and cost 35 to 85 MB of
// memory at a busy replica.

export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=16'];
