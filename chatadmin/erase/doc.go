// Package erase deletes users.
package erase
