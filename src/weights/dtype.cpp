#include "weights/dtype.h"

#include <array>
#include <cstring>

#include "base/error.h"
#include "weights/float_formats.h"

namespace polaris {
namespace {

struct Row {
  Dtype dtype;
  std::string_view name;
  std::uint64_t bits;
};

// In the order of the enumeration: row i describes the type with the value i.
constexpr std::array kRows = {
    Row{Dtype::kBool, "BOOL", 8},
    Row{Dtype::kF4, "F4", 4},
    Row{Dtype::kF6E2M3, "F6_E2M3", 6},
    Row{Dtype::kF6E3M2, "F6_E3M2", 6},
    Row{Dtype::kU8, "U8", 8},
    Row{Dtype::kI8, "I8", 8},
    Row{Dtype::kF8E5M2, "F8_E5M2", 8},
    Row{Dtype::kF8E4M3, "F8_E4M3", 8},
    Row{Dtype::kF8E8M0, "F8_E8M0", 8},
    Row{Dtype::kF8E4M3Fnuz, "F8_E4M3FNUZ", 8},
    Row{Dtype::kF8E5M2Fnuz, "F8_E5M2FNUZ", 8},
    Row{Dtype::kI16, "I16", 16},
    Row{Dtype::kU16, "U16", 16},
    Row{Dtype::kF16, "F16", 16},
    Row{Dtype::kBF16, "BF16", 16},
    Row{Dtype::kI32, "I32", 32},
    Row{Dtype::kU32, "U32", 32},
    Row{Dtype::kF32, "F32", 32},
    Row{Dtype::kC64, "C64", 64},
    Row{Dtype::kF64, "F64", 64},
    Row{Dtype::kI64, "I64", 64},
    Row{Dtype::kU64, "U64", 64},
};

constexpr bool rows_follow_the_enumeration() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].dtype) != i) return false;
  }
  return true;
}
static_assert(rows_follow_the_enumeration());

const Row& row(Dtype dtype) { return kRows.at(static_cast<std::size_t>(dtype)); }

/// Goes through the elements with memcpy: bytes of a mapped file have no alignment.
template <class From, class To, class Function>
void map_elements(std::span<const std::byte> from, std::span<std::byte> to, Function function) {
  const std::size_t count = from.size() / sizeof(From);
  for (std::size_t i = 0; i < count; ++i) {
    From source;
    std::memcpy(&source, from.data() + i * sizeof(From), sizeof(From));
    const To target = function(source);
    std::memcpy(to.data() + i * sizeof(To), &target, sizeof(To));
  }
}

}  // namespace

std::string_view dtype_name(Dtype dtype) { return row(dtype).name; }

std::optional<Dtype> dtype_from_name(std::string_view name) {
  for (const Row& candidate : kRows) {
    if (candidate.name == name) return candidate.dtype;
  }
  return std::nullopt;
}

std::uint64_t dtype_bits(Dtype dtype) { return row(dtype).bits; }

bool is_weight_dtype(Dtype dtype) {
  return dtype == Dtype::kF32 || dtype == Dtype::kBF16 || dtype == Dtype::kF16;
}

std::size_t weight_bytes(Dtype dtype) {
  POLARIS_CHECK(is_weight_dtype(dtype), "weights cannot be {}", dtype_name(dtype));
  return dtype_bits(dtype) / 8;
}

void convert(std::span<const std::byte> from, Dtype from_dtype, std::span<std::byte> to,
             Dtype to_dtype) {
  POLARIS_CHECK(from.size() % weight_bytes(from_dtype) == 0);
  POLARIS_CHECK(from.size() / weight_bytes(from_dtype) * weight_bytes(to_dtype) == to.size(),
                "{} bytes of {} do not fill {} bytes of {}", from.size(), dtype_name(from_dtype),
                to.size(), dtype_name(to_dtype));
  if (from_dtype == to_dtype) {
    if (!from.empty()) std::memcpy(to.data(), from.data(), from.size());
    return;
  }
  using Half = std::uint16_t;
  const bool from_bf16 = from_dtype == Dtype::kBF16;
  const bool to_bf16 = to_dtype == Dtype::kBF16;
  if (to_dtype == Dtype::kF32) {
    if (from_bf16) return map_elements<Half, float>(from, to, float_from_bf16);
    return map_elements<Half, float>(from, to, float_from_f16);
  }
  if (from_dtype == Dtype::kF32) {
    if (to_bf16) return map_elements<float, Half>(from, to, bf16_from_float);
    return map_elements<float, Half>(from, to, f16_from_float);
  }
  // Between the two 16-bit types: float holds either exactly, so there is one rounding.
  if (to_bf16) {
    return map_elements<Half, Half>(from, to,
                                    [](Half x) { return bf16_from_float(float_from_f16(x)); });
  }
  map_elements<Half, Half>(from, to, [](Half x) { return f16_from_float(float_from_bf16(x)); });
}

}  // namespace polaris
