#include "weights/model_family.h"

#include "base/error.h"

namespace polaris {

std::span<const Family> families() {
  static const std::vector<Family> all = {
      {.architecture = Architecture::kQwen3_5,
       .model_types = {"qwen3_5", "qwen3_5_text"},
       .classes = {"Qwen3_5ForConditionalGeneration", "Qwen3_5ForCausalLM"},
       .linear_layers = true,
       .partial_rotary_factor = 0.25},
      {.architecture = Architecture::kQwen3,
       .model_types = {"qwen3"},
       .classes = {"Qwen3ForCausalLM"}},
      {.architecture = Architecture::kLlama,
       .model_types = {"llama"},
       .classes = {"LlamaForCausalLM"},
       .sizes_may_be_absent = true},
      {.architecture = Architecture::kMistral,
       .model_types = {"mistral"},
       .classes = {"MistralForCausalLM"},
       .sliding_window = true,
       .sizes_may_be_absent = true},
  };
  return all;
}

const Family& family_of(Architecture architecture) {
  for (const Family& family : families()) {
    if (family.architecture == architecture) return family;
  }
  throw Error(ErrorCode::kInternal, "an architecture without a family");
}

std::string_view torch_dtype_name(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF32:
      return "float32";
    case Dtype::kBF16:
      return "bfloat16";
    case Dtype::kF16:
      return "float16";
    default:
      throw Error(ErrorCode::kInternal, fmt::format("weights cannot be {}", dtype_name(dtype)));
  }
}

}  // namespace polaris
