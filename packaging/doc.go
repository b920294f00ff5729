// Package packaging holds what turns the sidecar into something to deploy: the
// root file system of its image (artifacts), its offline check (check-image),
// and recipes for running it beside an application under Docker Compose and
// Kubernetes. There is no code here, only the tests that keep the recipes
// hardened, equal to one another and valid for the binary.
package packaging
