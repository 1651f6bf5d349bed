// Its custom resource definitions are read from the module's files, and nothing is compiled, so that
// go.sum has this one module. After a change `go mod download github.com/vmware-tanzu/velero` writes
// it; `go mod tidy` would take out what no code imports.
module tollgate.dev/tests/cluster/velero

go 1.26.0

require github.com/vmware-tanzu/velero v1.18.3
