# root-ca-certificate-publisher: publishes the API server's CA as ConfigMap `kube-root-ca.crt` in each active namespace.
package controllers.root_ca_certificate_publisher

import data.lib.namespaced
import data.lib.write

covers := {"core/configmaps create", "core/configmaps patch"}

violations contains v if some v in namespaced.violations

violations contains v if {
	not named
	v := {
		"rule": "root-ca/name",
		"title": "The CA is published only as ConfigMap kube-root-ca.crt.",
		"message": $"ConfigMap {input.write.name} is not the CA's",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	not one_key
	v := {
		"rule": "root-ca/only-the-ca",
		"title": "The CA's ConfigMap holds only ca.crt.",
		"message": "the ConfigMap would hold more or other than data[ca.crt]",
		"severity": "high",
		"controls": [],
	}
}

# A private key in a ConfigMap of every namespace would be the end of the cluster's trust.
violations contains v if {
	not certificates
	v := {
		"rule": "root-ca/not-a-certificate",
		"title": "Only certificates are published, never a key.",
		"message": "data[ca.crt] is not a PEM bundle of certificates",
		"severity": "critical",
		"controls": [],
	}
}

violations contains v if {
	write.changes
	not only_data
	v := {
		"rule": "root-ca/patch-only-data",
		"title": "Restoring the CA changes its data and description only.",
		"message": "the patch changes more than data and the description",
		"severity": "high",
		"controls": [],
	}
}

named if {
	input.write.name == "kube-root-ca.crt"
	input.object.metadata.name == "kube-root-ca.crt"
}

one_key if {
	object.keys(input.object.data) == {"ca.crt"}
	nothing_else
}

# A ConfigMap that someone made before is restored as it is: what else it holds is not this controller's.
nothing_else if input.write.verb == "patch"

nothing_else if object.keys(input.object) - {"apiVersion", "kind", "metadata", "data"} == set()

# A bundle may hold comments, but no block that is not a certificate.
certificates if {
	blocks := split(input.object.data["ca.crt"], "-----BEGIN ")
	count(blocks) > 1
	every block in array.slice(blocks, 1, count(blocks)) { startswith(block, "CERTIFICATE-----") }
}

only_data if {
	input.write.verb == "patch"
	write.patch_members - {"metadata", "data"} == set()
	(write.patch_metadata - write.preconditions) - {"annotations"} == set()
	described := object.get(input.patch.metadata, "annotations", {})
	object.keys(described) - {"kubernetes.io/description"} == set()
}
