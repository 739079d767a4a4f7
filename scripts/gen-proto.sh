#!/bin/sh
# Writes the `gen` directories beside the `proto` directories: packages/snapshotter/src/grpc and
# packages/node/src/cri. Needed only when a .proto file changes: the result is committed. Wants
# Debian's protobuf-compiler and libprotobuf-dev.
set -eu
cd "$(dirname -- "$0")/.."

command -v protoc >/dev/null 2>&1 || {
  echo "gen-proto: protoc is missing: apt-get install protobuf-compiler libprotobuf-dev" >&2
  exit 1
}
draft=$(mktemp -d)
trap 'rm -rf "$draft"' EXIT

# generate DIRECTORY SERVICES FILE...
generate() {
  directory=$1
  services=$2
  shift 2
  mkdir "$draft/gen"
  protoc --proto_path="$directory/proto" --proto_path=/usr/include \
    --plugin=protoc-gen-ts_proto=node_modules/.bin/protoc-gen-ts_proto \
    --ts_proto_out="$draft/gen" \
    --ts_proto_opt=outputServices="$services",env=node,esModuleInterop=true,importSuffix=.ts \
    --ts_proto_opt=enumsAsLiterals=true,outputJsonMethods=false,useExactTypes=false,useMapType=true,unrecognizedEnum=false \
    --ts_proto_opt=outputPartialMethods=true,useDate=false,forceLong=number,noDefaultsForOptionals=false \
    "$@"
  rm -rf "$directory/gen"
  cp -R "$draft/gen" "$directory/gen"
  rm -rf "$draft/gen"
}

generate packages/snapshotter/src/grpc grpc-js snapshots.proto health.proto content.proto
generate packages/node/src/cri grpc-js image-service.proto
