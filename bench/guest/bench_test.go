// Package guest measures the plugin in the runtime that Traefik v3.7.9 gives
// it, set up as Traefik's pkg/plugins/middlewarewasm.go does, beside a guest
// that does nothing. Each benchmark is one request through the whole
// middleware; every answer is checked. `npm run bench -- guest` runs it.
package guest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/http-wasm/http-wasm-host-go/handler"
	nethttp "github.com/http-wasm/http-wasm-host-go/handler/nethttp"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// setup is what bench/guest.ts has prepared.
type setup struct {
	Plugin, Floor, Calls    string
	Directory, KeyDirectory string
	Domain, PublicDomain    string
	Path                    string
	// Headers are a browser's, ProgramHeaders a program's, both with the proxy's.
	Headers, ProgramHeaders map[string]string
	// Authorizations of principals with a grant, more than an instance remembers.
	Authorizations []string
	// Stranger has no grant.
	Stranger string
}

var given = func() (s setup) {
	data, err := os.ReadFile(os.Getenv("POSTERN_BENCH_SETUP"))
	if err != nil {
		panic("run by npm run bench -- guest: " + err.Error())
	}
	if err := json.Unmarshal(data, &s); err != nil {
		panic(err)
	}
	return s
}()

// stage is a middleware in a runtime of its own.
type stage struct {
	handler http.Handler
	runtime wazero.Runtime
	guest   wazero.CompiledModule
	config  wazero.ModuleConfig
}

func newStage(b testing.TB, wasm string, next http.Handler) *stage {
	b.Helper()
	return newStageIn(context.Background(), b, wasm, next)
}

func newStageIn(ctx context.Context, b testing.TB, wasm string, next http.Handler) *stage {
	b.Helper()
	code, err := os.ReadFile(wasm)
	if err != nil {
		b.Fatal(err)
	}
	s := &stage{runtime: wazero.NewRuntime(ctx)}
	if s.guest, err = s.runtime.CompileModule(ctx, code); err != nil {
		b.Fatal(err)
	}
	if _, err = wasi_snapshot_preview1.Instantiate(ctx, s.runtime); err != nil {
		b.Fatal(err)
	}
	s.config = wazero.NewModuleConfig().WithSysWalltime().WithStartFunctions("_start", "_initialize").
		WithFSConfig(wazero.NewFSConfig().
			WithReadOnlyDirMount(given.Directory, "/run/postern").
			WithReadOnlyDirMount(given.KeyDirectory, "/etc/postern"))
	mw, err := nethttp.NewMiddleware(ctx, code, handler.ModuleConfig(s.config),
		handler.GuestConfig([]byte(`{"directory":"/run/postern","key_file":"/etc/postern/guest.key"}`)),
		handler.Runtime(func(context.Context) (wazero.Runtime, error) { return s.runtime, nil }))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { mw.Close(ctx) })
	s.handler = mw.NewHandler(ctx, next)
	return s
}

// answer is a ResponseWriter that remembers the status alone.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(p []byte) (int, error) { return len(p), nil }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) reset()                      { clear(a.header); a.status = 0 }

func newRequestWith(headers map[string]string, domain, authorization string) *http.Request {
	uri, err := url.ParseRequestURI(given.Path)
	if err != nil {
		panic(err)
	}
	r := &http.Request{
		Method: "GET", URL: uri, Host: domain, RequestURI: given.Path, RemoteAddr: "192.0.2.10:50123",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody,
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return r
}

// What the guest adds or changes, so that each request begins like the first.
var added = []string{"Remote-User", "Remote-Groups", "Remote-Name", "Remote-Email", "Postern-Verdict"}
var rewritten = []string{"Postern-Request", "X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-For"}

// reset makes a request what it was before the plugin saw it.
func reset(r *http.Request, deferred bool) {
	for _, name := range added {
		delete(r.Header, name)
	}
	if deferred {
		for _, name := range rewritten {
			delete(r.Header, name)
		}
	}
}

// batchSize is how many requests run between two pauses: few enough for their
// headers to stay in the processor's cache, as those of a request just read do.
const batchSize = 128

// threadClock is clock_gettime's CLOCK_THREAD_CPUTIME_ID; getrusage is exact to a tick only.
const threadClock = 3

// processorTime is what this thread has used: other programs on the machine
// lengthen it less than the time on the wall.
func processorTime() time.Duration {
	var now syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, threadClock, uintptr(unsafe.Pointer(&now)), 0)
	if errno != 0 {
		panic(errno)
	}
	return time.Duration(now.Nano())
}

type expectation struct {
	verdict string // prefix of Postern-Verdict seen by the backend, "" when it must not be asked
	status  int
}

// serve runs requests in turn through h; the backend is `passed`.
func serve(b *testing.B, wasm string, requests []*http.Request, want expectation) {
	b.Helper()
	passed := 0
	verdict := ""
	next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		passed++
		if values := r.Header["Postern-Verdict"]; len(values) == 1 {
			verdict = values[0]
		}
	})
	s := newStage(b, wasm, next)
	w := &answer{header: http.Header{}}
	deferred := want.verdict == "defer-"
	check := func() {
		b.Helper()
		if !strings.HasPrefix(verdict, want.verdict) || w.status != want.status || (passed > 0) != (want.status == 0) {
			b.Fatalf("verdict %q, status %d, passed %d: not what was to be measured", verdict, w.status, passed)
		}
	}
	for range 4 { // what is read once is read before
		for _, r := range requests {
			reset(r, deferred)
			w.reset()
			passed, verdict = 0, ""
			s.handler.ServeHTTP(w, r)
			check()
		}
	}
	// Put back between the batches, off the clock, for every guest alike: a proxy gives each request its own headers.
	batch := make([]*http.Request, (batchSize+len(requests)-1)/len(requests)*len(requests))
	for i := range batch {
		batch[i] = requests[i%len(requests)].Clone(context.Background())
	}
	runtime.GC()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b.ReportAllocs()
	b.ResetTimer()
	passed = 0
	spent := time.Duration(0)
	for done := 0; done < b.N; {
		b.StopTimer()
		for _, r := range batch {
			reset(r, deferred)
		}
		w.reset()
		turn := batch[:min(len(batch), b.N-done)]
		b.StartTimer()
		before := processorTime()
		for _, r := range turn {
			s.handler.ServeHTTP(w, r)
		}
		spent += processorTime() - before
		done += len(turn)
	}
	b.ReportMetric(float64(spent)/float64(b.N), "cpu-ns/op")
	b.StopTimer()
	check()
	if want.status == 0 && passed != b.N {
		b.Fatalf("%d of %d passed", passed, b.N)
	}
}

// The request of a program, which is what the measured policy's rule is for.
func program(authorization string) *http.Request {
	return newRequestWith(given.ProgramHeaders, given.Domain, authorization)
}

// The same from a browser, with twice as many headers.
func browser(authorization string) *http.Request {
	return newRequestWith(given.Headers, given.Domain, authorization)
}

func one(r *http.Request) []*http.Request { return []*http.Request{r} }

func all(request func(string) *http.Request) (requests []*http.Request) {
	for _, authorization := range given.Authorizations {
		requests = append(requests, request(authorization))
	}
	return requests
}

func BenchmarkNoop(b *testing.B) {
	serve(b, given.Floor, one(program(given.Authorizations[0])), expectation{})
}

// Calls is a guest that makes the host calls of a hit and does nothing itself.
func BenchmarkCalls(b *testing.B) {
	serve(b, given.Calls, one(program(given.Authorizations[0])), expectation{verdict: "allow-"})
}

func BenchmarkHit(b *testing.B) {
	serve(b, given.Plugin, one(program(given.Authorizations[0])), expectation{verdict: "allow-"})
}

func BenchmarkHitFromFile(b *testing.B) {
	serve(b, given.Plugin, all(program), expectation{verdict: "allow-"})
}

func BenchmarkCallsBrowser(b *testing.B) {
	serve(b, given.Calls, one(browser(given.Authorizations[0])), expectation{verdict: "allow-"})
}

func BenchmarkHitBrowser(b *testing.B) {
	serve(b, given.Plugin, one(browser(given.Authorizations[0])), expectation{verdict: "allow-"})
}

func BenchmarkHitFromFileBrowser(b *testing.B) {
	serve(b, given.Plugin, all(browser), expectation{verdict: "allow-"})
}

func BenchmarkBypass(b *testing.B) {
	r := newRequestWith(given.ProgramHeaders, given.PublicDomain, "")
	serve(b, given.Plugin, one(r), expectation{verdict: "allow-"})
}

func BenchmarkChallenge(b *testing.B) {
	serve(b, given.Plugin, one(program("")), expectation{status: 401})
}

func BenchmarkDeferral(b *testing.B) {
	serve(b, given.Plugin, one(program(given.Stranger)), expectation{verdict: "defer-"})
}

// Instantiate makes instances as the pool does when it is empty, configuration and key read.
func BenchmarkInstantiate(b *testing.B)     { instantiate(b, given.Plugin) }
func BenchmarkInstantiateNoop(b *testing.B) { instantiate(b, given.Floor) }

func instantiate(b *testing.B, wasm string) {
	s := newStage(b, wasm, http.NotFoundHandler())
	ctx := context.Background()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		module, err := s.runtime.InstantiateModule(ctx, s.guest, s.config.WithName("x"+strconv.Itoa(i)))
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		module.Close(ctx)
		b.StartTimer()
	}
}

// FirstHit is a request that finds the pool empty: a new instance, state page, policy and grant read.
func BenchmarkFirstHit(b *testing.B) {
	const depth = 32 // instances held at once, each by a request within the one before
	authorization := given.Authorizations[0]
	requests := make([]*http.Request, depth)
	for i := range requests {
		requests[i] = browser(authorization)
	}
	w := &answer{header: http.Header{}}
	var s *stage
	level, limit := 0, 0
	s = newStage(b, given.Plugin, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if level++; level < limit {
			s.handler.ServeHTTP(w, requests[level])
		}
	}))
	b.ResetTimer()
	for done := 0; done < b.N; done += limit {
		b.StopTimer()
		runtime.GC() // twice empties the pool
		runtime.GC()
		for _, r := range requests {
			reset(r, false)
		}
		level, limit = 0, min(depth, b.N-done)
		b.StartTimer()
		s.handler.ServeHTTP(w, requests[0])
		if level != limit {
			b.Fatalf("%d of %d passed", level, limit)
		}
	}
}
