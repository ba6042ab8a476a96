// Package portaltest drives the portal in Chromium. It has tests only, in a
// module of its own, so that nobody who uses the library needs a browser.
package portaltest
