#!/bin/sh
# Writes the `gen` directories beside the `proto` directories: packages/snapshotter/src/grpc and
# packages/node/src/cri. Needed only when a .proto file changes: the result is committed. Wants
# Debian's protobuf-compiler and libprotobuf-dev.
set -eu
cd "$(dirname -- "$0")/.."

# generate DIRECTORY SERVICES FILE...
generate() {
  directory=$1
  services=$2
  shift 2
  rm -rf "$directory/gen"
  mkdir "$directory/gen"
  protoc --proto_path="$directory/proto" --proto_path=/usr/include \
    --plugin=protoc-gen-ts_proto=node_modules/.bin/protoc-gen-ts_proto \
    --ts_proto_out="$directory/gen" \
    --ts_proto_opt=outputServices="$services",env=node,esModuleInterop=true,importSuffix=.ts \
    --ts_proto_opt=enumsAsLiterals=true,outputJsonMethods=false,useExactTypes=false,useMapType=true,unrecognizedEnum=false \
    --ts_proto_opt=outputPartialMethods=true,useDate=false,forceLong=number,noDefaultsForOptionals=false \
    "$@"
}

generate packages/snapshotter/src/grpc grpc-js snapshots.proto health.proto content.proto
generate packages/node/src/cri grpc-js image-service.proto
