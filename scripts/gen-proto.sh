#!/bin/sh
# Writes packages/snapshotter/src/grpc/gen/ from the .proto files beside it. Needed only when a .proto
# file changes: the result is committed. Wants Debian's protobuf-compiler and libprotobuf-dev.
set -eu
cd "$(dirname -- "$0")/../packages/snapshotter/src/grpc"
rm -rf gen
mkdir gen
protoc --proto_path=proto --proto_path=/usr/include \
  --plugin=protoc-gen-ts_proto=../../../../node_modules/.bin/protoc-gen-ts_proto \
  --ts_proto_out=gen \
  --ts_proto_opt=outputServices=grpc-js,env=node,esModuleInterop=true,importSuffix=.ts \
  --ts_proto_opt=enumsAsLiterals=true,outputJsonMethods=false,useExactTypes=false,useMapType=true,unrecognizedEnum=false \
  --ts_proto_opt=outputPartialMethods=true,useDate=false,forceLong=number,noDefaultsForOptionals=false \
  proto/snapshots.proto proto/health.proto
