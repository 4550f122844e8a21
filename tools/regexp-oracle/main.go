// The other side of the differential fuzzing: reads one JSON object a line,
//
//	{"pattern": base64, "inputs": [base64, ...]}
//
// and answers what Go's regexp makes of it, one line each:
//
//	{"error": text, "part": base64}
//	{"groups": bits, "insts": size, "matches": [bool, ...], "spans": [[userStart, userEnd, groupStart, groupEnd] | null, ...]}
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"regexp/syntax"
)

type question struct {
	Pattern []byte   `json:"pattern"`
	Inputs  [][]byte `json:"inputs"`
}

type refusal struct {
	Error string `json:"error"`
	Part  []byte `json:"part"`
}

type answer struct {
	Groups  int     `json:"groups"`
	Insts   int     `json:"insts"`
	Matches []bool  `json:"matches"`
	Spans   [][]int `json:"spans"`
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	decoder := json.NewDecoder(in)
	encoder := json.NewEncoder(out)
	for {
		var q question
		if err := decoder.Decode(&q); err != nil {
			return
		}
		if err := encoder.Encode(judge(q)); err != nil {
			return
		}
		out.Flush()
	}
}

func judge(q question) any {
	pattern := string(q.Pattern)
	re, err := regexp.Compile(pattern)
	if err != nil {
		var wrong *syntax.Error
		if errors.As(err, &wrong) {
			return refusal{string(wrong.Code), []byte(wrong.Expr)}
		}
		return refusal{Error: err.Error()}
	}
	user, group := re.SubexpIndex("User"), re.SubexpIndex("Group")
	a := answer{Insts: size(pattern)}
	if user >= 0 {
		a.Groups |= 1
	}
	if group >= 0 {
		a.Groups |= 2
	}
	for _, input := range q.Inputs {
		a.Matches = append(a.Matches, re.Match(input))
		var spans []int
		if found := re.FindSubmatchIndex(input); found != nil {
			spans = append(at(found, user), at(found, group)...)
		}
		a.Spans = append(a.Spans, spans)
	}
	return a
}

func at(found []int, group int) []int {
	if group < 0 {
		return []int{-1, -1}
	}
	return found[2*group : 2*group+2 : 2*group+2]
}

// size is the number of instructions of Go's program.
func size(pattern string) int {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return 0
	}
	return len(prog.Inst)
}
