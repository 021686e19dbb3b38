package process

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// newGRPCServer returns a gRPC server with the limits of the contract. It turns the errors and
// panics of handlers into statuses, so that a panic fails its own request only.
func (k *contract) newGRPCServer(opts []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(opts,
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.UnaryInterceptor(k.interceptUnary),
		grpc.StreamInterceptor(k.interceptStream))...)
}

func (k *contract) interceptUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
	defer k.recoverTo(&err, info.FullMethod)
	resp, err = handle(ctx, req)
	if m, ok := resp.(proto.Message); ok && err == nil {
		err = checkSize("answer", m)
	}
	return resp, k.encodeError(err)
}

func (k *contract) interceptStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	defer k.recoverTo(&err, info.FullMethod)
	return k.encodeError(handle(srv, stream))
}

// recoverTo sets *err when the deferring handler panicked, and writes the stack to standard error.
func (k *contract) recoverTo(err *error, method string) {
	p := recover()
	if p == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "%s: recovered from: %v\n%s", method, p, debug.Stack())
	if k.crash != nil {
		*err = k.encodeError(fmt.Errorf("%w: %v", k.crash, p))
		return
	}
	*err = status.Error(codes.Internal, clip(fmt.Sprintf("the %s failed on this request: %v", k.noun, p)))
}
