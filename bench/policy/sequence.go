package main

import (
	"regexp"
	"strings"
)

// compiledRule is one domain and, unless it is nil, one expression.
type compiledRule struct {
	domain     string
	expression *regexp.Regexp
	user       int // index of the group `User`, -1 when there is none
}

func compileRules(rules []rule) []compiledRule {
	list := make([]compiledRule, len(rules))
	for i, r := range rules {
		list[i] = compiledRule{domain: r.Domain, user: -1}
		if r.Expression != "" {
			list[i].expression = must(regexp.Compile(r.Expression))
			list[i].user = list[i].expression.SubexpIndex("User")
		}
	}
	return list
}

// firstMatch tries the rules one after the other: the position of the first that matches, 0 for none.
func firstMatch(rules []compiledRule, domain, path, user string) int {
	for i := range rules {
		r := &rules[i]
		if r.domain != domain {
			continue
		}
		if r.expression == nil {
			return i + 1
		}
		if r.user < 0 {
			if r.expression.MatchString(path) {
				return i + 1
			}
		} else if found := r.expression.FindStringSubmatchIndex(path); found != nil &&
			strings.EqualFold(path[max(found[2*r.user], 0):max(found[2*r.user+1], 0)], user) {
			return i + 1
		}
	}
	return 0
}
