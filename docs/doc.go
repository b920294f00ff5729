// Package docs holds the documentation, and the tests that keep it true: every
// configuration in it is validated, every command run or held against what CI
// runs, every table compared with the code that it describes.
package docs
