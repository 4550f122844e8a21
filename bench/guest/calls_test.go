package guest

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// recorder notes the host functions that a guest calls, in turn.
type recorder struct{ calls []string }

func (r *recorder) NewFunctionListener(f api.FunctionDefinition) experimental.FunctionListener {
	if f.GoFunction() == nil {
		return nil
	}
	return experimental.FunctionListenerFunc(func(_ context.Context, _ api.Module, f api.FunctionDefinition, _ []uint64, _ experimental.StackIterator) {
		r.calls = append(r.calls, f.DebugName())
	})
}

// hostCalls is what a guest asks of its host for a request of which it has seen the like.
func hostCalls(t *testing.T, wasm string) []string {
	r := &recorder{}
	ctx := experimental.WithFunctionListenerFactory(context.Background(), r)
	s := newStageIn(ctx, t, wasm, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for range 3 {
		r.calls = nil
		s.handler.ServeHTTP(&answer{header: http.Header{}}, program(given.Authorizations[0]))
	}
	return r.calls
}

// calls.wat claims to be what a hit costs without the plugin's own work.
func TestCallsAreThoseOfAHit(t *testing.T) {
	want := hostCalls(t, given.Plugin)
	if got := hostCalls(t, given.Calls); !slices.Equal(got, want) {
		t.Fatalf("bench/calls.wat calls\n%v, a hit\n%v", got, want)
	}
}
