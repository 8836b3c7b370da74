FROM node:24-alpine AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json prisma.config.ts ./
COPY prisma prisma
COPY src src
COPY deploy/image-files.sh deploy/image-files.sh
# What only builds stays behind.
RUN npm run build && sh deploy/image-files.sh /image

FROM node:24-alpine
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /image ./
USER node
EXPOSE 4000
CMD ["node", "dist/src/main.js"]
