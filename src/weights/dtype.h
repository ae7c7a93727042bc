#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace polaris {

/// Element types of the safetensors format. We compute with kF32, kBF16 and kF16 only; tensors of
/// any other type are carried through as bytes.
enum class Dtype {
  kBool,
  kF4,
  kF6E2M3,
  kF6E3M2,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kF8E8M0,
  kF8E4M3Fnuz,
  kF8E5M2Fnuz,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kC64,
  kF64,
  kI64,
  kU64,
};

/// The format's spelling: "BF16".
std::string_view dtype_name(Dtype dtype);

/// @return nothing for a spelling that the format does not know
std::optional<Dtype> dtype_from_name(std::string_view name);

/// Bits of one element: 4 and 6 for packed types, a multiple of 8 for all others.
std::uint64_t dtype_bits(Dtype dtype);

/// True for the types that weights are computed in: kF32, kBF16, kF16.
bool is_weight_dtype(Dtype dtype);

/// Bytes of one element. @pre is_weight_dtype(dtype)
std::size_t weight_bytes(Dtype dtype);

/// Element `i` of `from` becomes element `i` of `to`: exact when widening, round to nearest even
/// when narrowing; beyond the largest number becomes infinity; a NaN stays a NaN with its sign.
/// Spans need no alignment; equal types copy the bytes.
/// @pre both types are weight types and both spans hold the same number of elements
void convert(std::span<const std::byte> from, Dtype from_dtype, std::span<std::byte> to,
             Dtype to_dtype);

}  // namespace polaris
