module comptroller.dev/test/oracle

go 1.26.0

// Versions come from deploy/local/go/kubernetes/go.mod, by -modfile: the oracle is the Kubernetes that the tests run on.
