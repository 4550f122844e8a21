// Command regexp measures our regular expressions in wazero, the runtime that
// Traefik runs plugins in, beside Go's own regexp. `npm run bench -- regexp`
// builds and starts it with the path of its setup, then writes lines
// "task times" and reads "nanoseconds answer" for each.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// pair is a pattern, by its place in the list, and a text.
type pair struct {
	Pattern int
	Text    []byte
}

type setup struct {
	Wasm     string
	Pack     []byte
	Patterns []string
	Pairs    []pair
	// Captures: patterns with groups User or Group, each at most once.
	CapturePatterns []string
	Captures        []pair
}

// task does its work so many times and sums up what came out.
type task func(times int) int32

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
	tasks := map[string]task{
		"go.match":    goMatch(given),
		"go.compile":  goCompile(given),
		"go.captures": goCaptures(given),
	}
	module := instantiate(given)
	for name, export := range map[string]string{"match": "matchAll", "compile": "compileAll", "captures": "findAll"} {
		tasks["wazero."+name] = call(module, export)
	}
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		var name string
		var times int
		must(fmt.Sscan(input.Text(), &name, &times))
		start := time.Now()
		answer := tasks[name](times)
		fmt.Println(time.Since(start).Nanoseconds(), answer)
	}
}

func instantiate(given setup) api.Module {
	ctx := context.Background()
	runtime := wazero.NewRuntime(ctx)
	module := must(runtime.InstantiateWithConfig(ctx, must(os.ReadFile(given.Wasm)),
		wazero.NewModuleConfig().WithStartFunctions("_initialize")))
	room := must(module.ExportedFunction("room").Call(ctx, uint64(len(given.Pack))))
	if !module.Memory().Write(uint32(room[0]), given.Pack) {
		must(0, fmt.Errorf("no room for %d bytes", len(given.Pack)))
	}
	return module
}

func call(module api.Module, export string) task {
	function := module.ExportedFunction(export)
	return func(times int) int32 {
		return int32(uint32(must(function.Call(context.Background(), uint64(times)))[0]))
	}
}

// texts are strings, as the patterns are applied to strings in a policy.
func texts(pairs []pair) []string {
	list := make([]string, len(pairs))
	for i, p := range pairs {
		list[i] = string(p.Text)
	}
	return list
}

func compiled(patterns []string) []*regexp.Regexp {
	list := make([]*regexp.Regexp, len(patterns))
	for i, pattern := range patterns {
		list[i] = must(regexp.Compile(pattern))
	}
	return list
}

func goMatch(given setup) task {
	list, inputs := compiled(given.Patterns), texts(given.Pairs)
	return func(times int) (found int32) {
		for range times {
			for i, p := range given.Pairs {
				if list[p.Pattern].MatchString(inputs[i]) {
					found++
				}
			}
		}
		return found
	}
}

func goCompile(given setup) task {
	return func(times int) (refused int32) {
		for range times {
			for _, pattern := range given.Patterns {
				if _, err := regexp.Compile(pattern); err != nil {
					refused++
				}
			}
		}
		return refused
	}
}

func goCaptures(given setup) task {
	list, inputs := compiled(given.CapturePatterns), texts(given.Captures)
	type groups struct{ user, group int }
	indices := make([]groups, len(list))
	for i, re := range list {
		indices[i] = groups{re.SubexpIndex("User"), re.SubexpIndex("Group")}
	}
	return func(times int) (sum int32) {
		place := func(found []int, group, factor int) {
			start, end := -1, -1
			if group >= 0 {
				start, end = found[2*group], found[2*group+1]
			}
			sum += int32(start*factor + end*(factor+1))
		}
		for range times {
			for i, p := range given.Captures {
				found := list[p.Pattern].FindStringSubmatchIndex(inputs[i])
				if found == nil {
					continue
				}
				place(found, indices[p.Pattern].user, 1)
				place(found, indices[p.Pattern].group, 3)
			}
		}
		return sum
	}
}
