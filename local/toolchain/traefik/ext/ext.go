// Package ext stands in for the module of that name in Traefik's repository, which no module proxy serves: the places where
// a vendor's build adds fields to Traefik's configuration. This build adds none.
package ext

type HTTP struct{}

type Router struct{}
