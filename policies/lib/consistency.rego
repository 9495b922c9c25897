# The description of the write and the object in it must agree, and what exists must be named by its uid.
package lib.consistency

import data.lib.write

sides := ["object", "before"]

violations contains v if {
	some side in sides
	input[side].kind != input.write.kind
	write_main
	v := finding($"{side}: the kind is not that of the write")
}

violations contains v if {
	some side in sides
	input[side].apiVersion != input.write.apiVersion
	write_main
	v := finding($"{side}: the apiVersion is not that of the write")
}

violations contains v if {
	some side in sides
	input[side].metadata.name != input.write.name
	v := finding($"{side}: the name is not that of the write")
}

violations contains v if {
	some side in sides
	input[side].metadata.namespace != input.write.namespace
	v := finding($"{side}: the namespace is not that of the write")
}

violations contains v if {
	input.before.metadata.uid != input.write.uid
	v := finding("before: the uid is not that of the write")
}

violations contains v if {
	input.facts.namespace.value.name != input.write.namespace
	input.write.namespace != ""
	v := finding("facts: the namespace is not that of the write")
}

violations contains v if {
	input.write.verb in {"create", "update", "patch"}
	not has_object
	v := finding("object: absent, though it is written")
}

violations contains v if {
	input.write.verb == "patch"
	not has_patch
	v := finding("patch: absent, though it is sent")
}

# Without the object as it is, nothing says what a change would change. Events are exempt: they are never cached.
violations contains v if {
	input.write.verb in {"delete", "patch", "update"}
	not write.is_event
	not has_before
	v := {
		"rule": "gate/before-unknown",
		"title": "A change can be judged only beside the object as it is.",
		"message": $"{write.target} {input.write.name} is not in the input as it is now",
		"severity": "high",
		"controls": [],
	}
}

# Subresources such as scale and eviction carry a kind of their own.
write_main if input.write.subresource in {"", "status", "finalize"}

violations contains v if {
	input.write.verb in {"delete", "patch", "update"}
	not pinned
	v := {
		"rule": "gate/no-precondition",
		"title": "A write to an existing object must name it by its uid.",
		"message": $"{write.target} {input.write.name} is written without a uid that matches",
		"severity": "high",
		"controls": [],
	}
}

# A negated call with an argument that is undefined is undefined, not true: negate rules instead.
has_object if is_object(input.object)

has_patch if is_object(input.patch)

has_before if is_object(input.before)

violations contains v if {
	input.write.verb == "create"
	not named
	v := finding("object: it is created without the name of the write")
}

named if input.object.metadata.name == input.write.name

pinned if {
	input.write.preconditions.uid != ""
	input.write.preconditions.uid == input.write.uid
}

finding(message) := {
	"rule": "gate/inconsistent",
	"title": "The write contradicts its own description.",
	"message": message,
	"severity": "critical",
	"controls": [],
}
