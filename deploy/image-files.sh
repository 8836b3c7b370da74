#!/bin/sh
# deploy/image-files.sh FOLDER, in a checkout that is built: puts what the image holds into the folder. Packages that only
# build stay away, as do the compilers of databases other than PostgreSQL, source maps and declarations of types.
set -eu
folder=$1
mkdir -p "$folder/src"
cp -R dist prisma package.json package-lock.json .npmrc "$folder/"
cp -R src/site "$folder/src/"
cd "$folder"
npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error

# The pages need these files of three packages, and nothing that the packages depend on.
pages='graphiql/package.json graphiql/graphiql.min.js graphiql/graphiql.min.css
  react/package.json react/umd/react.production.min.js
  react-dom/package.json react-dom/umd/react-dom.production.min.js'
for file in $pages; do
  mkdir -p "pages/$(dirname "$file")"
  cp "node_modules/$file" "pages/$file"
done
npm uninstall --no-save --omit=dev --no-audit --no-fund --loglevel=error prisma typescript graphiql react react-dom
# An optional peer of others.
rm -rf node_modules/typescript
cp -R pages/. node_modules/
rm -rf pages package-lock.json .npmrc

find node_modules/@prisma/client/runtime -name 'query_compiler_*' ! -name '*postgresql*' -exec rm {} +
rm -rf node_modules/@types
find node_modules dist -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -exec rm {} +
rm -rf dist/test dist/bench dist/docs
