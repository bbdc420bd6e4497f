# The image of one replica: what `npm run build` makes and the packages that it needs, run by a user who owns
# nothing but the data. Settings come as CONIT_* variables, secrets as files; see docs/containers.md. The root file
# system may be read-only: only /var/lib/conit is written to.

FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json \
  && npm prune --omit=dev \
  && rm -f dist/.tsbuildinfo \
  && install -d -m 0700 /data

FROM node:24-bookworm-slim
ENV NODE_ENV=production \
  CONIT_HTTP=0.0.0.0:7070 \
  CONIT_PEER=0.0.0.0:7071 \
  CONIT_DATA_DIR=/var/lib/conit
WORKDIR /opt/conit
COPY --from=build /src/package.json ./
COPY --from=build /src/node_modules ./node_modules
COPY --from=build /src/dist ./dist
# A new volume takes over the owner and the mode of the folder that it covers.
COPY --from=build --chown=1000:1000 /data /var/lib/conit
# The user `node` of the base image, by number, so that a host can tell that it is not root.
USER 1000:1000
VOLUME /var/lib/conit
EXPOSE 7070 7071
STOPSIGNAL SIGTERM
# Alive, not ready: a replica that is cut off from its peers must not be started again for that.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://${process.env.CONIT_HTTP}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# No shell and no npm in between: SIGTERM reaches the server itself, which then stops in order. No signal opens a debugger.
# The bound of the young generation is that of src/cli/node-flags.ts.
ENTRYPOINT ["node", "--disable-sigusr1", "--max-semi-space-size=16", "/opt/conit/dist/cli/main.js"]
CMD ["serve"]
