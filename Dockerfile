FROM node:24-alpine AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json prisma.config.ts ./
COPY prisma prisma
COPY src src
# What only builds stays behind: it is as large as all the rest.
RUN npm run build && npm uninstall --no-save --omit=dev --no-audit --no-fund prisma typescript

FROM node:24-alpine
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
# Migrations, reference data and recorded prices, and the files of the pages.
COPY prisma prisma
COPY src/site src/site
USER node
EXPOSE 4000
CMD ["node", "dist/src/main.js"]
