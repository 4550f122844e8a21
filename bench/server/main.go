// A backend and a forwardAuth server that do next to nothing, and a door that
// holds requests until they are let go; asked for it, it shows the headers that
// it was sent. Prints its address.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// Nothing is held longer, whatever becomes of the bench.
const longest = time.Minute

type door struct {
	sync.Mutex
	held int
	open chan struct{}
}

func (d *door) hold(r *http.Request) {
	d.Lock()
	d.held++
	open := d.open
	d.Unlock()
	select {
	case <-open:
	case <-r.Context().Done():
	case <-time.After(longest):
	}
	d.Lock()
	d.held--
	d.Unlock()
}

func (d *door) release() {
	d.Lock()
	close(d.open)
	d.open = make(chan struct{})
	d.Unlock()
}

func (d *door) count() int {
	d.Lock()
	defer d.Unlock()
	return d.held
}

func main() {
	d := &door{open: make(chan struct{})}
	body := []byte("ok\n")
	identity := map[string]string{
		"Remote-User": "my-service-account", "Remote-Groups": "myapp,service",
		"Remote-Name": "My Service Account", "Remote-Email": "my-service-account@example.com",
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/auth":
			for name, value := range identity {
				w.Header().Set(name, value)
			}
		case r.URL.Path == "/held":
			fmt.Fprintln(w, d.count())
			return
		case r.URL.Path == "/release":
			d.release()
			return
		case strings.HasSuffix(r.URL.Path, "/headers"):
			r.Header.Write(w)
			return
		case strings.HasSuffix(r.URL.Path, "/hold"):
			d.hold(r)
		}
		w.Write(body)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if len(os.Args) > 1 {
		listener, err = net.Listen("unix", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	if err := http.Serve(listener, handler); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
