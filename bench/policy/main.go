// Command policy measures policies of many rules in the plugin, in the runtime
// that Traefik v3.7.9 gives it, beside the same rules in sequence with Go's
// regexp. `npm run bench -- policy` builds and starts it with the path of its
// setup, then writes lines "task case request times" and reads "nanoseconds
// answer" for each.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"
)

type rule struct{ Domain, Expression string }

type request struct{ Domain, Path string }

// policyCase is a policy, published in a guest directory of its own unless that is empty.
type policyCase struct {
	Name                    string
	Directory, KeyDirectory string
	Rules                   []rule
	Requests                map[string][]request
	Authorization           string
}

type setup struct {
	Plugin, Floor string
	Headers       map[string]string
	User          string
	Cases         []*policyCase
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func main() {
	var given setup
	must(0, json.Unmarshal(must(os.ReadFile(os.Args[1])), &given))
	floor := newStage(given.Floor, nil)
	cases := map[string]*policyCase{}
	stages := map[string]*stage{}
	sequences := map[string][]compiledRule{}
	for _, c := range given.Cases {
		cases[c.Name] = c
		sequences[c.Name] = compileRules(c.Rules)
		if c.Directory != "" {
			stages[c.Name] = newStage(given.Plugin,
				map[string]string{"/run/postern": c.Directory, "/etc/postern": c.KeyDirectory})
		}
	}
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		var task, name, which string
		var times int
		must(fmt.Sscan(input.Text(), &task, &name, &which, &times))
		c, s := cases[name], stages[name]
		targets := c.Requests[which]
		requests := func() []*http.Request {
			list := make([]*http.Request, len(targets))
			for i, target := range targets {
				list[i] = newRequest(c, target, given.Headers)
			}
			return list
		}
		var spent time.Duration
		var answer int
		switch task {
		case "noop":
			spent, answer = floor.pass(requests()[0], times)
		case "decide":
			spent, answer = s.decide(requests(), times)
		case "instantiate":
			spent, answer = s.instantiate(times)
		case "first":
			spent, answer = s.first(func() *http.Request { return requests()[0] }, times)
		case "pages":
			answer = s.pages(requests())
		case "sequence":
			rules := sequences[name]
			start := time.Now()
			for range times {
				answer += firstMatch(rules, targets[0].Domain, targets[0].Path, given.User)
			}
			spent = time.Since(start)
		}
		fmt.Println(spent.Nanoseconds(), answer)
	}
}
