// Package ext stands in for Traefik's extension point, which is not published
// as a module of its own. Traefik embeds these two empty types in its dynamic
// configuration and uses nothing else of them.
package ext

// HTTP has no extensions here.
type HTTP struct{}

// Router has no extensions here.
type Router struct{}
