package guest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

type arrival struct{}

// place is a guest in a proxy, and how long each request took up to the backend.
type place struct {
	name    string
	handler http.Handler
	lock    sync.Mutex
	took    []time.Duration
}

func (p *place) note(d time.Duration) {
	p.lock.Lock()
	p.took = append(p.took, d)
	p.lock.Unlock()
}

// TestInPlace is a proxy with a plugin among a proxy's other work: what a loop
// keeps in the processor's caches, it has to fetch anew for each request. The
// guests take turns. Load comes from outside, in so many seconds.
func TestInPlace(t *testing.T) {
	seconds, err := strconv.Atoi(os.Getenv("POSTERN_BENCH_IN_PLACE"))
	if err != nil {
		t.Skip("run by npm run bench -- guest-in-place")
	}
	listen := func(handler http.Handler) net.Addr {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		go http.Serve(listener, handler)
		return listener.Addr()
	}
	backend := listen(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: backend.String()})
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 64}

	var places []*place
	for _, guest := range []struct{ name, wasm string }{{"noop", given.Floor}, {"calls", given.Calls}, {"hit", given.Plugin}} {
		p := &place{name: guest.name}
		p.handler = newStage(t, guest.wasm, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p.note(time.Since(r.Context().Value(arrival{}).(time.Time)))
			proxy.ServeHTTP(w, r)
		})).handler
		places = append(places, p)
	}
	var turn atomic.Int64
	front := listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := places[int(turn.Add(1))%len(places)]
		p.handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), arrival{}, time.Now())))
	}))
	fmt.Printf("listening %d\n", front.(*net.TCPAddr).Port)
	time.Sleep(time.Duration(seconds) * time.Second)
	for _, p := range places {
		p.lock.Lock()
		slices.Sort(p.took)
		fmt.Printf("%s %d", p.name, len(p.took))
		for _, part := range []int{10, 25, 50, 75} {
			fmt.Printf(" %d", p.took[len(p.took)*part/100].Nanoseconds())
		}
		fmt.Println()
	}
}
