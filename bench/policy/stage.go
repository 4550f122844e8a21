package main

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/http-wasm/http-wasm-host-go/handler"
	nethttp "github.com/http-wasm/http-wasm-host-go/handler/nethttp"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

const (
	// depth is how many new instances are held at once, each by a request within the one before.
	depth = 16
	// pageBytes is the size of a WASM page.
	pageBytes = 65_536
	// maxInstances: the pool numbers what it makes, and a run makes fewer.
	maxInstances = 100_000
)

// What became of a request. The sum of these is the answer of a task.
const (
	outcomeAllowed  = 1
	outcomeDeferred = 2
	outcomeOther    = 1_000 // and the status
)

// compilations are shared: the plugin is compiled once for all stages.
var compilations = wazero.NewCompilationCache()

// stage is a guest with a snapshot of its own, set up as Traefik's pkg/plugins/middlewarewasm.go does.
type stage struct {
	handler http.Handler
	runtime wazero.Runtime
	guest   wazero.CompiledModule
	config  wazero.ModuleConfig
	// next is called by the request that is passed on.
	next    func(*http.Request)
	verdict string
	started int
}

func newStage(wasm string, mounts map[string]string) *stage {
	ctx := context.Background()
	code := must(os.ReadFile(wasm))
	s := &stage{runtime: wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCompilationCache(compilations))}
	s.guest = must(s.runtime.CompileModule(ctx, code))
	must(wasi_snapshot_preview1.Instantiate(ctx, s.runtime))
	files := wazero.NewFSConfig()
	for guestPath, path := range mounts {
		files = files.WithReadOnlyDirMount(path, guestPath)
	}
	s.config = wazero.NewModuleConfig().WithSysWalltime().WithStartFunctions("_start", "_initialize").WithFSConfig(files)
	middleware := must(nethttp.NewMiddleware(ctx, code, handler.ModuleConfig(s.config),
		handler.GuestConfig([]byte(`{"directory":"/run/postern","key_file":"/etc/postern/guest.key"}`)),
		handler.Runtime(func(context.Context) (wazero.Runtime, error) { return s.runtime, nil })))
	s.handler = middleware.NewHandler(ctx, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.verdict = "none"
		if values := r.Header["Postern-Verdict"]; len(values) == 1 {
			s.verdict = values[0]
		}
		if s.next != nil {
			s.next(r)
		}
	}))
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

func newRequest(c *policyCase, target request, headers map[string]string) *http.Request {
	r := &http.Request{
		Method: "GET", URL: must(url.ParseRequestURI(target.Path)), Host: target.Domain, RequestURI: target.Path,
		RemoteAddr: "192.0.2.10:50123",
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody,
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	if c.Authorization != "" {
		r.Header.Set("Authorization", c.Authorization)
	}
	return r
}

// What the guest adds to a request that it allows.
var added = []string{"Remote-User", "Remote-Groups", "Remote-Name", "Remote-Email", "Postern-Verdict"}

// decide judges requests in turn. Their headers are made what they were, which counts as well.
func (s *stage) decide(requests []*http.Request, times int) (time.Duration, int) {
	s.next = nil
	w := &answer{header: http.Header{}}
	sum := 0
	start := time.Now()
	next := 0
	for range times {
		r := requests[next]
		if next++; next == len(requests) {
			next = 0
		}
		for _, name := range added {
			delete(r.Header, name)
		}
		clear(w.header)
		w.status, s.verdict = 0, ""
		s.handler.ServeHTTP(w, r)
		sum += s.outcome(w)
	}
	return time.Since(start), sum
}

// pass sends one request over and over through a guest that does nothing.
func (s *stage) pass(r *http.Request, times int) (time.Duration, int) {
	w := &answer{header: http.Header{}}
	passed := 0
	s.next = func(*http.Request) { passed++ }
	start := time.Now()
	for range times {
		s.handler.ServeHTTP(w, r)
	}
	return time.Since(start), passed
}

func (s *stage) outcome(w *answer) int {
	switch {
	case w.status != 0:
		return outcomeOther + w.status
	case strings.HasPrefix(s.verdict, "allow-"):
		return outcomeAllowed
	case strings.HasPrefix(s.verdict, "defer-"):
		return outcomeDeferred
	}
	return outcomeOther
}

// instantiate makes instances as the pool does when it is empty, configuration and key read.
func (s *stage) instantiate(times int) (time.Duration, int) {
	ctx := context.Background()
	var spent time.Duration
	for range times {
		s.started++
		start := time.Now()
		module := must(s.runtime.InstantiateModule(ctx, s.guest, s.config.WithName("x"+strconv.Itoa(s.started))))
		spent += time.Since(start)
		must(0, module.Close(ctx))
	}
	return spent, times
}

// first makes requests that find the pool empty: a new instance, state page and snapshot read, a decision.
func (s *stage) first(make func() *http.Request, times int) (time.Duration, int) {
	var spent time.Duration
	sum := 0
	for done := 0; done < times; {
		requests := []*http.Request{}
		for range min(depth, times-done) {
			requests = append(requests, make())
		}
		runtime.GC() // twice empties the pool
		runtime.GC()
		level := 0
		w := &answer{header: http.Header{}}
		s.next = func(*http.Request) {
			sum += s.outcome(w)
			if level++; level < len(requests) {
				s.handler.ServeHTTP(w, requests[level])
			}
		}
		start := time.Now()
		s.handler.ServeHTTP(w, requests[0])
		spent += time.Since(start)
		if w.status != 0 {
			sum += s.outcome(w)
		}
		s.next = nil
		done += len(requests)
	}
	return spent, sum
}

// pages is the largest memory of an instance that lives, after one more decision.
func (s *stage) pages(requests []*http.Request) int {
	s.decide(requests, 1)
	most := uint32(0)
	for id := range maxInstances {
		if module := s.runtime.Module(strconv.Itoa(id)); module != nil {
			most = max(most, module.Memory().Size()/pageBytes)
		}
	}
	return int(most)
}
