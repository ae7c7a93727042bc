// Low-rank adapters (LoRA, arXiv:2106.09685): the model is frozen, and beside a projection W two
// thin matrices learn,
//
//   y = x W^T + scale (x A^T) B^T,   A [rank, in], B [out, rank], scale = alpha / rank.
//
// They stay beside it: added to bfloat16 weights most of them would be rounded away
// (specs/performance.md, rule 6 and C.9). Only a float32 copy that is made for writing has them
// added, merged(). The optimizer and checkpoints see one more ParameterStore and nothing else.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nn/internal/parameter_store.h"
#include "nn/internal/weight.h"
#include "weights/lora.h"
#include "weights/peft_adapter.h"

namespace polaris::nn {

/// The adapters on a matrix, which may be several projections of one input, joined.
struct Lora {
  struct Part {
    std::int64_t first_row = 0;  ///< of the joined matrix, from which on this projection lies
    Weight b;                    ///< [out, rank]
  };
  Weight a;                 ///< [parts * rank, in], so that the input is read once for all
  std::vector<Part> parts;  ///< from the first row to the last
  double scale = 0.0;

  std::int64_t rank() const { return parts.front().b.value.size(1); }
};

/// y = x W^T with the adapters' part: sums in float32 at least, rounded once.
/// @param weight  has adapters
/// @return        scale x A^T [T, parts * rank], which the backward needs
at::Tensor lora_forward(const at::Tensor& y, const at::Tensor& x, const Weight& weight);

/// Adds to the gradients of all A and B, where they have any:
///
///   dB += dy^T (scale x A^T),   dA += (scale dy B)^T x
///
/// @param low  as lora_forward() returned it
/// @return     dx = dy W + (scale dy B) A
at::Tensor lora_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& low,
                         const Weight& weight);

/// W + scale B A for a float32 copy of the weights: [out, in] in float32 (float64 where all is);
/// the value itself where there are no adapters.
at::Tensor merged(const Weight& weight);

/// All adapters of a model.
class LoraAdapters {
 public:
  /// @param model    of the frozen weights
  /// @param options  of the adapters' own arenas
  LoraAdapters(const ParameterLayout& model, LoraLayout layout, const StoreOptions& options);

  /// A uniform in +-1 / sqrt(in), as PEFT does (Kaiming, a = sqrt(5)), and B zero: the model is as
  /// it was. Every value is a function of seed, tensor and index.
  void initialise(std::uint64_t seed);

  /// The values of an adapter of the same layout.
  void read(const PeftAdapter& adapter);

  /// Writes a PEFT folder with the float32 masters. @param base  the model it belongs to
  void write(const std::filesystem::path& folder, const ModelFolder& base) const;

  const LoraLayout& layout() const { return layout_; }
  ParameterStore& store() { return store_; }
  const ParameterStore& store() const { return store_; }

  /// The adapters on the matrix which the tensor `first` begins; null if there are none.
  std::shared_ptr<const Lora> on(std::string_view first) const;

 private:
  LoraLayout layout_;
  ParameterStore store_;
  std::map<std::string, std::shared_ptr<const Lora>, std::less<>> by_matrix_;
};

}  // namespace polaris::nn
