// Package flux names the types that controller-gen reads, so that `go mod tidy` keeps their sums.
package flux

import _ "github.com/fluxcd/helm-controller/api/v2"
