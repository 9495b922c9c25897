# What is being written, in the words that rules share.
package lib.write

group := "core" if input.write.group == ""

else := input.write.group

# "core/pods", also where a subresource is written.
whole := $"{group}/{input.write.resource}"

# "core/pods", "apps/replicasets/status".
target := $"{group}/{input.write.resource}" if input.write.subresource == ""

else := $"{group}/{input.write.resource}/{input.write.subresource}"

# "core/pods create".
operation := $"{target} {input.write.verb}"

# The folder and package of a controller: Rego names hold no hyphen.
package_name := replace(input.controller.name, "-", "_")

is_event if input.write.class == "event"

changes if input.write.verb in {"patch", "update"}

# A patch body may only hold these members at its top and in its metadata. Read with `object.get`, so that an absent
# member is an empty one.
patch_members := object.keys(object.get(input, "patch", {}))

patch_metadata := object.keys(object.get(object.get(input, "patch", {}), "metadata", {}))

# The gate adds both as preconditions.
preconditions := {"uid", "resourceVersion"}
