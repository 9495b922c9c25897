# Comptroller's own objects, and what the signed data adds to them, are out of every controller's reach.
package lib.protected

import data.lib.write

violations contains v if {
	input.write.namespace in data.protected.namespaces
	v := {
		"rule": "protected/namespace",
		"title": "The namespace is protected from automation.",
		"message": $"{input.write.namespace} is a protected namespace",
		"severity": "critical",
		"controls": [],
	}
}

violations contains v if {
	write.target in {"core/namespaces", "core/namespaces/status", "core/namespaces/finalize"}
	input.write.name in data.protected.namespaces
	v := {
		"rule": "protected/namespace",
		"title": "The namespace is protected from automation.",
		"message": $"{input.write.name} is a protected namespace",
		"severity": "critical",
		"controls": [],
	}
}

violations contains v if {
	named_as_own
	v := object_finding($"{write.target} {input.write.name} is protected by its name")
}

named_as_own if {
	some prefix in data.protected.names[write.whole].prefixes
	startswith(input.write.name, prefix)
}

named_as_own if {
	some suffix in data.protected.names[write.whole].suffixes
	endswith(input.write.name, suffix)
}

# A selection has no names to compare: where some are protected, none is deleted at once.
violations contains v if {
	input.write.verb == "deletecollection"
	data.protected.names[write.whole]
	v := object_finding($"{write.target} holds protected objects")
}

# Only where no tenant writes: else a label of theirs would keep automation from repairing what they broke.
violations contains v if {
	input.write.namespace == ""
	some side in ["object", "before"]
	some key, value in data.protected.labels
	input[side].metadata.labels[key] == value
	v := object_finding($"{write.target} {input.write.name} is protected by its label {key}")
}

violations contains v if {
	input.write.selection.protected != 0
	v := object_finding($"the selection holds {input.write.selection.protected} protected objects")
}

object_finding(message) := {
	"rule": "protected/object",
	"title": "The object is protected from automation.",
	"message": message,
	"severity": "critical",
	"controls": [],
}
