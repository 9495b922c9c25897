# A controller may always let go of an object that ends: its own finalizer, removed and nothing else (I12).
package lib.finalizers

import data.lib.write

default releases := false

releases if {
	input.write.verb == "patch"
	input.before.metadata.deletionTimestamp
	object.keys(input.patch) == {"metadata"}
	write.patch_metadata - write.preconditions == {"finalizers"}
	own := {f | some f in data.finalizers[input.controller.name]}
	had := {f | some f in input.before.metadata.finalizers}
	keeps := {f | some f in object.get(input.object.metadata, "finalizers", [])}
	removed := had - keeps
	count(keeps - had) == 0
	count(removed) > 0
	count(removed - own) == 0
}
