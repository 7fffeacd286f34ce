# The gateway as an image: built from the lock file, run by an unprivileged user. It writes below /var/lib/noodroute only.
FROM node:20.19.5-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM node:20.19.5-bookworm-slim AS dependencies
WORKDIR /dependencies
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:20.19.5-bookworm-slim
ENV NODE_ENV=production
WORKDIR /opt/noodroute
COPY package.json LICENSE ./
COPY dialplans ./dialplans
COPY hardware ./hardware
COPY config ./config
COPY --from=dependencies /dependencies/node_modules ./node_modules
COPY --from=build /build/dist ./dist
RUN install -d -o node -g node /var/lib/noodroute
VOLUME /var/lib/noodroute
USER node
ENTRYPOINT ["node", "/opt/noodroute/dist/main.js"]
CMD ["--help"]
