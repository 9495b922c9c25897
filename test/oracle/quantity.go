package main

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

type measuring struct {
	A string `json:"a"`
	B string `json:"b"`
}

func init() {
	register("quantity", func(q measuring) (any, error) { return measure(q.A, q.B), nil })
}

// measure reads two quantities; numbers are answered as text, for they do not fit those of JSON.
func measure(a, b string) any {
	first, errFirst := resource.ParseQuantity(a)
	second, errSecond := resource.ParseQuantity(b)
	if errFirst != nil || errSecond != nil {
		return map[string]any{"valid": []bool{errFirst == nil, errSecond == nil}}
	}
	sum, difference := first.DeepCopy(), first.DeepCopy()
	sum.Add(second)
	difference.Sub(second)
	return map[string]any{
		"valid":      []bool{true, true},
		"compared":   first.Cmp(second),
		"nanos":      billionths(first),
		"sum":        billionths(sum),
		"difference": billionths(difference),
		"whole":      rounded(first, 0),
		"millis":     rounded(first, resource.Milli),
	}
}

// billionths is the exact number of them: no quantity is finer.
func billionths(quantity resource.Quantity) string {
	unscaled, scale := quantity.AsDec().UnscaledBig().String(), int(quantity.AsDec().Scale())
	if scale <= 9 {
		return trimmed(unscaled + strings.Repeat("0", 9-scale))
	}
	return trimmed(strings.TrimSuffix(unscaled, strings.Repeat("0", scale-9)))
}

func trimmed(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		return "0"
	}
	return sign + digits
}

// rounded is Value or MilliValue, where they are right: a number beyond 64 bits has neither, and negative ones are not rounded well.
func rounded(quantity resource.Quantity, scale resource.Scale) any {
	most := resource.NewScaledQuantity(1<<62, scale)
	if quantity.Cmp(*most) > 0 || quantity.Sign() < 0 {
		return nil
	}
	return quantity.ScaledValue(scale)
}
