# garbage-collector: deletes what had owners and has none, takes references and its own finalizers off.
package controllers.garbage_collector

import data.lib.write

covers := {
	"* delete",
	"* patch",
}

violations contains v if {
	input.write.verb == "delete"
	count(was) == 0
	v := {
		"rule": "garbage-collector/not-owned",
		"title": "Only objects that have owners are collected.",
		"message": $"{write.target} {input.write.name} names no owner",
		"severity": "critical",
		"controls": [],
	}
}

# Whoever gets an owner between the look and the deletion stays.
violations contains v if {
	input.write.verb == "delete"
	not of_one_version
	v := {
		"rule": "garbage-collector/any-version",
		"title": "An object is collected only as it was when its owners were looked for.",
		"message": $"the deletion of {input.write.name} holds for any version of it",
		"severity": "critical",
		"controls": [],
	}
}

of_one_version if input.write.preconditions.resourceVersion != ""

violations contains v if {
	input.write.verb == "delete"
	not known_propagation
	v := {
		"rule": "garbage-collector/propagation",
		"title": "A collected object says what becomes of its dependents.",
		"message": $"the propagation of the deletion is {json.marshal(input.write.propagation)}",
		"severity": "high",
		"controls": [],
	}
}

known_propagation if input.write.propagation in {"Background", "Foreground"}

# Dependents are left behind only where somebody asked for it.
known_propagation if {
	input.write.propagation == "Orphan"
	"orphan" in input.before.metadata.finalizers
}

# Removing `foregroundDeletion` or `orphan` from an object that ends is let through by lib/finalizers.
violations contains v if {
	input.write.verb == "patch"
	not only_references
	v := {
		"rule": "garbage-collector/references-only",
		"title": "The garbage collector changes owner references and its own finalizers, nothing else.",
		"message": $"the patch of {write.target} {input.write.name} changes something else",
		"severity": "critical",
		"controls": [],
	}
}

only_references if {
	write.patch_members == {"metadata"}
	write.patch_metadata - write.preconditions == {"ownerReferences"}
}

violations contains v if {
	input.write.verb == "patch"
	some ref in becomes
	not stays(ref)
	v := {
		"rule": "garbage-collector/new-owner",
		"title": "The garbage collector gives nothing an owner.",
		"message": $"a reference to {json.marshal(ref.uid)} would be there that was not there before, or another than it was",
		"severity": "critical",
		"controls": [],
	}
}

stays(ref) if ref in was

# Unblocked, and else the same.
stays(ref) if {
	ref.blockOwnerDeletion == false
	some old in was
	old.blockOwnerDeletion == true
	object.union(old, {"blockOwnerDeletion": false}) == ref
}

was := object.get(input, ["before", "metadata", "ownerReferences"], [])

becomes := object.get(input, ["object", "metadata", "ownerReferences"], [])
