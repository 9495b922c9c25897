# What a controller makes belongs to what it manages, and it removes only what belongs to it.
package lib.ownership

import data.lib.write

creation contains v if {
	not belongs
	v := {
		"rule": "ownership/reference",
		"title": "A created object must be controlled by the object it is made for.",
		"message": $"{input.write.kind} {input.write.name} is not controlled by {input.cause.trigger.kind} {input.cause.trigger.name}",
		"severity": "high",
		"controls": [],
	}
}

creation contains v if {
	not at_home
	v := {
		"rule": "ownership/namespace",
		"title": "A created object must be in the namespace of its owner.",
		"message": $"{input.write.namespace} is not the namespace of {input.cause.trigger.kind} {input.cause.trigger.name}",
		"severity": "high",
		"controls": [],
	}
}

creation contains v if {
	input.facts.owner.value.metadata.deletionTimestamp
	v := {
		"rule": "ownership/owner-terminating",
		"title": "Nothing is made for an owner that is being deleted.",
		"message": $"{input.cause.trigger.kind} {input.cause.trigger.name} is being deleted",
		"severity": "medium",
		"controls": [],
	}
}

deletion contains v if {
	not controlled
	v := {
		"rule": "ownership/not-controlled",
		"title": "A controller deletes only objects that it controls.",
		"message": $"{input.write.kind} {input.write.name} is not controlled by {input.cause.trigger.kind} {input.cause.trigger.name}",
		"severity": "high",
		"controls": [],
	}
}

deletion contains v if {
	not at_home
	v := {
		"rule": "ownership/namespace",
		"title": "A controller deletes only in the namespace of the owner.",
		"message": $"{input.write.namespace} is not the namespace of {input.cause.trigger.kind} {input.cause.trigger.name}",
		"severity": "high",
		"controls": [],
	}
}

# Exactly one owner, the trigger, and the trigger is the object that the host knows.
belongs if {
	count(input.object.metadata.ownerReferences) == 1
	ref := input.object.metadata.ownerReferences[0]
	points(ref)
	ref.controller == true
	ref.blockOwnerDeletion == true
	known
}

points(ref) if {
	trigger := input.cause.trigger
	trigger.uid != ""
	ref.uid == trigger.uid
	ref.name == trigger.name
	ref.kind == trigger.kind
	ref.apiVersion == trigger.apiVersion
}

known if {
	trigger := input.cause.trigger
	owner := input.facts.owner.value
	owner.metadata.uid == trigger.uid
	owner.metadata.name == trigger.name
	owner.kind == trigger.kind
}

at_home if {
	input.cause.trigger.namespace == input.write.namespace
	input.facts.owner.value.metadata.namespace == input.write.namespace
}

controlled if {
	input.cause.trigger.uid != ""
	some ref in input.before.metadata.ownerReferences
	ref.controller == true
	ref.uid == input.cause.trigger.uid
}

# Adopting or releasing changes the owner references alone, and in them the trigger's alone.
claims contains v if {
	not only_references
	v := {
		"rule": "ownership/claim-only",
		"title": "Adopting or releasing an object changes its owner references only.",
		"message": $"the patch of {input.write.name} changes more than metadata.ownerReferences",
		"severity": "high",
		"controls": [],
	}
}

claims contains v if {
	some ref in becomes
	not ref in was
	not rightful(ref)
	v := foreign
}

claims contains v if {
	some ref in was
	not ref in becomes
	not of_trigger(ref)
	v := foreign
}

claims contains v if {
	not at_home
	v := {
		"rule": "ownership/namespace",
		"title": "A controller claims only in the namespace of the owner.",
		"message": $"{input.write.namespace} is not the namespace of {input.cause.trigger.kind} {input.cause.trigger.name}",
		"severity": "high",
		"controls": [],
	}
}

was := object.get(input, ["before", "metadata", "ownerReferences"], [])

becomes := object.get(input, ["object", "metadata", "ownerReferences"], [])

of_trigger(ref) if ref.uid == input.cause.trigger.uid

rightful(ref) if {
	points(ref)
	ref.controller == true
	ref.blockOwnerDeletion == true
	known
	not input.facts.owner.value.metadata.deletionTimestamp
	every other in was { object.get(other, "controller", false) == false }
}

only_references if {
	write.patch_members == {"metadata"}
	write.patch_metadata - write.preconditions == {"ownerReferences"}
}

foreign := {
	"rule": "ownership/claim-foreign",
	"title": "A controller adds and removes only its own owner reference.",
	"message": $"the owner references of {input.write.name} would change for another owner than {input.cause.trigger.name}",
	"severity": "high",
	"controls": [],
}
