#include "weights/model_config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "base/error.h"
#include "base/temp_folder.h"
#include "weights/expected_tensors.h"

namespace polaris {
namespace {

const std::string kGolden = POLARIS_GOLDEN_DIR;
constexpr auto kFull = LayerKind::kFullAttention;
constexpr auto kLinear = LayerKind::kLinearAttention;

Json golden_json(const std::string& file) { return read_json_file(kGolden + "/" + file); }

ModelConfig golden(const std::string& file) { return parse_model_config(golden_json(file), file); }

TEST(ModelConfig, ReadsAFlatQwen35) {
  const ModelConfig config = golden("qwen3_5_tiny/config.json");
  ModelConfig expected{.architecture = Architecture::kQwen3_5,
                       .vocab_size = 320,
                       .hidden_size = 64,
                       .intermediate_size = 128,
                       .layers = {kLinear, kLinear, kLinear, kFull},
                       .attention_heads = 4,
                       .key_value_heads = 2,
                       .head_dim = 32,
                       .linear_attention = LinearAttentionConfig{.key_heads = 2,
                                                                 .value_heads = 4,
                                                                 .key_head_dim = 16,
                                                                 .value_head_dim = 16,
                                                                 .conv_kernel = 4},
                       .rms_norm_eps = 1e-6,
                       .max_position_embeddings = 512,
                       .tie_word_embeddings = false,
                       .eos_token_ids = {319},
                       .dtype = Dtype::kF32};
  expected.rope.theta = 1e4;
  expected.rope.rotary_dims = 8;
  expected.rope.mrope_section = {2, 1, 1};
  EXPECT_EQ(config, expected);
}

TEST(ModelConfig, ReadsTextConfigOfAVisionLanguageModelLikeTheFlatFile) {
  ModelConfig nested = golden("qwen3_5_tiny_vl/config.json");
  EXPECT_EQ(nested.dtype, Dtype::kBF16);
  nested.dtype = Dtype::kF32;
  EXPECT_EQ(nested, golden("qwen3_5_tiny/config.json"));
}

TEST(ModelConfig, LayerTypesAndRopeParametersWinOverTheirCopies) {
  const ModelConfig config = golden("qwen3_5_tiny_gva3/config.json");
  EXPECT_EQ(config.layers, (std::vector{kLinear, kFull, kLinear}));
  EXPECT_EQ(config.rope.rotary_dims, 16);
  EXPECT_EQ(config.linear_attention->conv_dim(), 2 * 2 * 16 + 6 * 24);
}

TEST(ModelConfig, PlacesFullLayersByTheIntervalWithoutLayerTypes) {
  Json json = golden_json("qwen3_5_tiny_tied/config.json");
  const ModelConfig listed = parse_model_config(json, "c");
  json.erase("layer_types");
  EXPECT_EQ(parse_model_config(json, "c"), listed);
  json["full_attention_interval"] = 2;
  EXPECT_EQ(parse_model_config(json, "c").layers,
            (std::vector{kLinear, kFull, kLinear, kFull, kLinear, kFull, kLinear, kFull}));
}

TEST(ModelConfig, ReadsCurrentAndOlderSpellingAlike) {
  for (const std::string family : {"llama3_tiny", "qwen3_tiny", "mistral_tiny"}) {
    Json older = golden_json(family + "/config.legacy.json");
    EXPECT_EQ(golden(family + "/config.json"), parse_model_config(older, family)) << family;
    older["torch_dtype"] = older["dtype"];
    older.erase("dtype");
    EXPECT_EQ(golden(family + "/config.json"), parse_model_config(older, family)) << family;
  }
}

TEST(ModelConfig, ReadsLlama3RopeScalingUnderBothNamesOfItsType) {
  const Llama3RopeScaling expected{.factor = 8.0,
                                   .low_freq_factor = 1.0,
                                   .high_freq_factor = 4.0,
                                   .original_max_position_embeddings = 64};
  const ModelConfig config = golden("llama3_tiny/config.json");
  EXPECT_EQ(config.rope.llama3, expected);
  EXPECT_EQ(config.rope.theta, 5e5);
  EXPECT_EQ(config.rope.rotary_dims, 16);
  Json older = golden_json("llama3_tiny/config.legacy.json");
  older["rope_scaling"]["type"] = older["rope_scaling"]["rope_type"];
  older["rope_scaling"].erase("rope_type");
  EXPECT_EQ(parse_model_config(older, "c"), config);
}

TEST(ModelConfig, FillsInWhatOldLlamaFilesLeaveOut) {
  Json json = golden_json("llama3_tiny/config.legacy.json");
  for (const char* key : {"head_dim", "num_key_value_heads", "rope_theta", "rope_scaling"})
    json.erase(key);
  const ModelConfig config = parse_model_config(json, "c");
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.key_value_heads, 4);
  EXPECT_EQ(config.rope, (RopeConfig{.theta = 10000.0, .rotary_dims = 16}));
}

TEST(ModelConfig, ReadsTheWindowOfMistral) {
  Json json = golden_json("mistral_tiny/config.json");
  EXPECT_EQ(parse_model_config(json, "c").sliding_window, std::nullopt);
  json["sliding_window"] = 16;
  EXPECT_EQ(parse_model_config(json, "c").sliding_window, 16);
  json.erase("sliding_window");  // the default of the class in transformers
  EXPECT_EQ(parse_model_config(json, "c").sliding_window, 4096);
}

TEST(ModelConfig, CollectsEndTokensFromAllPlacesOnce) {
  Json json = golden_json("qwen3_5_tiny_vl/config.json");
  json["eos_token_id"] = {46, 319};
  json["text_config"]["eos_token_id"] = 44;
  ModelConfig config = parse_model_config(json, "c");
  EXPECT_EQ(config.eos_token_ids, (std::vector<std::int64_t>{46, 319, 44}));
  add_generation_config(config, Json{{"eos_token_id", {5, 44}}}, "g");
  EXPECT_EQ(config.eos_token_ids, (std::vector<std::int64_t>{5, 44, 46, 319}));
  json["eos_token_id"] = nullptr;
  json["text_config"]["eos_token_id"] = -1;
  EXPECT_TRUE(parse_model_config(json, "c").eos_token_ids.empty());
}

TEST(ModelConfig, ReadsGenerationConfigBesideTheFile) {
  const TempFolder folder;
  std::filesystem::copy_file(kGolden + "/llama3_tiny/config.json", folder / "config.json");
  EXPECT_EQ(read_model_config(folder.path()).eos_token_ids, (std::vector<std::int64_t>{319}));
  std::ofstream(folder / "generation_config.json") << R"({"eos_token_id": [7, 319]})";
  EXPECT_EQ(read_model_config(folder.path()).eos_token_ids, (std::vector<std::int64_t>{7, 319}));
  EXPECT_EQ(read_model_config(folder / "config.json").eos_token_ids.size(), 2U);
  std::ofstream(folder / "generation_config.json") << R"({"eos_token_id": 320})";
  EXPECT_THROW(read_model_config(folder.path()), Error);
}

TEST(ModelConfig, IsOneErrorNamingTheFileWhenItCannotBeRead) {
  const TempFolder folder;
  const auto error_of = [&] {
    try {
      read_model_config(folder.path());
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  const std::string file = (folder / "config.json").string();
  EXPECT_NE(error_of().find(file), std::string::npos);
  std::filesystem::create_symlink("config.json", file);
  EXPECT_NE(error_of().find(file), std::string::npos);
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  EXPECT_NE(error_of().find(file), std::string::npos);
  std::filesystem::remove(file);
  std::ofstream(file) << R"({"model_type": "llama", "rms_norm_eps": NaN})";  // as Python writes it
  EXPECT_NE(error_of().find(file), std::string::npos);
  EXPECT_NE(error_of().find("rms_norm_eps"), std::string::npos);
}

struct BadValue {
  const char* base;
  const char* key;    // JSON pointer
  const char* value;  // JSON text, "" to remove the key
  const char* error;
};

class BadModelConfig : public testing::TestWithParam<BadValue> {};

TEST_P(BadModelConfig, NamesFileKeyValueAndWhatIsNeeded) {
  Json json = golden_json(std::string(GetParam().base) + "/config.json");
  const Json::json_pointer key(GetParam().key);
  if (*GetParam().value == '\0') {
    json.at(key.parent_pointer()).erase(key.back());
  } else {
    json[key] = Json::parse(GetParam().value);
  }
  try {
    parse_model_config(json, "m/config.json");
    FAIL() << "accepted";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
    EXPECT_EQ(std::string(e.what()), std::string("m/config.json: key ") + GetParam().error);
  }
}

constexpr const char* kQ35 = "qwen3_5_tiny";
constexpr const char* kVl = "qwen3_5_tiny_vl";
constexpr const char* kLlama = "llama3_tiny";
constexpr const char* kMistral = "mistral_tiny";

INSTANTIATE_TEST_SUITE_P(
    Values, BadModelConfig,
    testing::Values(
        BadValue{kQ35, "/hidden_size", "-4",
                 "'hidden_size' is -4; a whole number from 1 to 1048576 is needed"},
        BadValue{kQ35, "/hidden_size", "0",
                 "'hidden_size' is 0; a whole number from 1 to 1048576 is needed"},
        BadValue{kQ35, "/hidden_size", "64.5",
                 "'hidden_size' is 64.5; a whole number from 1 to 1048576 is needed"},
        BadValue{
            kQ35, "/hidden_size", "18446744073709551615",
            "'hidden_size' is 18446744073709551615; a whole number from 1 to 1048576 is needed"},
        BadValue{kQ35, "/hidden_size", "\"64\"",
                 "'hidden_size' is \"64\"; a whole number from 1 to 1048576 is needed"},
        BadValue{kQ35, "/hidden_size", "",
                 "'hidden_size' is missing; a whole number from 1 to 1048576 is needed"},
        BadValue{kVl, "/text_config/vocab_size", "[320]",
                 "'text_config.vocab_size' is a list; a whole number from 1 to 16777216 is needed"},
        BadValue{kVl, "/text_config", "7", "'text_config' is 7; an object is needed"},
        BadValue{kQ35, "/num_hidden_layers", "1000000",
                 "'num_hidden_layers' is 1000000; a whole number from 1 to 4096 is needed"},
        BadValue{kQ35, "/num_hidden_layers", "5",
                 "'layer_types' is a list; it names 4 layers, num_hidden_layers is 5"},
        BadValue{
            kQ35, "/layer_types/1", "\"sliding_attention\"",
            "'layer_types' is a list; it names the kind \"sliding_attention\"; supported here: "
            "full_attention, linear_attention"},
        BadValue{"qwen3_tiny", "/layer_types/1", "\"linear_attention\"",
                 "'layer_types' is a list; it names the kind \"linear_attention\"; supported here: "
                 "full_attention"},
        BadValue{kQ35, "/layer_types", "7", "'layer_types' is 7; a list of texts is needed"},
        BadValue{kQ35, "/num_key_value_heads", "3",
                 "'num_key_value_heads' is 3; it must divide num_attention_heads, 4"},
        BadValue{kQ35, "/linear_num_value_heads", "3",
                 "'linear_num_value_heads' is 3; it must be a multiple of linear_num_key_heads, 2"},
        BadValue{kQ35, "/linear_conv_kernel_dim", "",
                 "'linear_conv_kernel_dim' is missing; a whole number from 1 to 64 is needed"},
        BadValue{kQ35, "/head_dim", "",
                 "'head_dim' is missing; a whole number from 1 to 4096 is needed"},
        BadValue{kQ35, "/rms_norm_eps", "0",
                 "'rms_norm_eps' is 0; a number above 0 and at most 0.1 is needed"},
        BadValue{kQ35, "/rms_norm_eps", "-1e-6",
                 "'rms_norm_eps' is -1e-06; a number above 0 and at most 0.1 is needed"},
        BadValue{kQ35, "/rms_norm_eps", "\"NaN\"",
                 "'rms_norm_eps' is \"NaN\"; a number above 0 and at most 0.1 is needed"},
        BadValue{kQ35, "/rope_parameters/rope_theta", "0.0",
                 "'rope_parameters.rope_theta' is 0.0; a number above 0 and at most "
                 "1000000000000000 is needed"},
        BadValue{kQ35, "/rope_parameters/rope_type", "\"yarn\"",
                 "'rope_parameters.rope_type' is \"yarn\"; only \"default\" is supported"},
        BadValue{kLlama, "/rope_parameters/rope_type", "\"dynamic\"",
                 "'rope_parameters.rope_type' is \"dynamic\"; only \"default\" and \"llama3\" are "
                 "supported"},
        BadValue{kLlama, "/rope_parameters/high_freq_factor", "1.0",
                 "'rope_parameters.high_freq_factor' is 1.0; it must be above low_freq_factor"},
        BadValue{kLlama, "/partial_rotary_factor", "0.5",
                 "'partial_rotary_factor' is 0.5; only 1 is supported in this family"},
        BadValue{kQ35, "/rope_parameters/partial_rotary_factor", "0.1",
                 "'rope_parameters.partial_rotary_factor' is 0.1; of head_dim 32, 3 dims would "
                 "rotate; an even number is needed"},
        BadValue{
            kQ35, "/rope_parameters/partial_rotary_factor", "1.5",
            "'rope_parameters.partial_rotary_factor' is 1.5; a number above 0 and at most 1 is "
            "needed"},
        BadValue{
            kQ35, "/rope_parameters/mrope_section", "[2,2,1]",
            "'rope_parameters.mrope_section' is a list; three numbers with the sum 4 are needed"},
        BadValue{kQ35, "/rope_parameters", "\"x\"",
                 "'rope_parameters' is \"x\"; an object is needed"},
        BadValue{kQ35, "/eos_token_id", "320",
                 "'eos_token_id' is 320; a whole number from -1 to 319 is needed"},
        BadValue{kQ35, "/eos_token_id", "[5, null]",
                 "'eos_token_id' is null; a whole number from -1 to 319 is needed"},
        BadValue{kQ35, "/dtype", "\"int8\"",
                 "'dtype' is \"int8\"; float32, bfloat16 or float16 is needed"},
        BadValue{kQ35, "/tie_word_embeddings", "1",
                 "'tie_word_embeddings' is 1; true or false is needed"},
        BadValue{kQ35, "/hidden_act", "\"gelu\"",
                 "'hidden_act' is \"gelu\"; only \"silu\" is supported"},
        BadValue{kQ35, "/attn_output_gate", "false",
                 "'attn_output_gate' is false; only true is supported"},
        BadValue{kLlama, "/attention_bias", "true",
                 "'attention_bias' is true; only false is supported"},
        BadValue{kLlama, "/num_local_experts", "8",
                 "'num_local_experts' is 8; mixture-of-experts models are not supported"},
        BadValue{kLlama, "/quantization_config", "{\"quant_method\": \"fp8\"}",
                 "'quantization_config' is an object; quantised weights are not supported; use the "
                 "model it was made from"},
        BadValue{kMistral, "/sliding_window", "0",
                 "'sliding_window' is 0; a whole number from 1 to 1099511627776 is needed"},
        BadValue{
            kLlama, "/model_type", "\"qwen3_moe\"",
            "'model_type' is \"qwen3_moe\"; supported are qwen3_5, qwen3, llama, mistral (dense "
            "text models)"},
        BadValue{
            kLlama, "/model_type", "",
            "'model_type' is missing; supported are qwen3_5, qwen3, llama, mistral (dense text "
            "models)"},
        BadValue{kLlama, "/architectures", "[\"LlamaForSequenceClassification\"]",
                 "'architectures' is a list; the class \"LlamaForSequenceClassification\" is not "
                 "supported, only LlamaForCausalLM"}));

TEST(ModelConfig, AsksForHeadDimWhereItCannotBeDerived) {
  Json json = golden_json("llama3_tiny/config.json");
  json.erase("head_dim");
  json["hidden_size"] = 66;
  EXPECT_THROW(parse_model_config(json, "c"), Error);
  EXPECT_THROW(parse_model_config(Json(7), "c"), Error);
}

TEST(MakeConfigJson, GivesBackTheSameConfigAndAgreesWithTransformers) {
  for (const std::string name : {"qwen3_5_tiny", "qwen3_5_tiny_gva3", "qwen3_5_tiny_tied",
                                 "llama3_tiny", "qwen3_tiny", "mistral_tiny"}) {
    SCOPED_TRACE(name);
    const Json published = golden_json(name + "/config.json");
    const ModelConfig config = parse_model_config(published, name);
    const Json made = make_config_json(config);
    EXPECT_EQ(parse_model_config(made, "made"), config);
    for (const auto& [key, value] : made.items()) {
      ASSERT_TRUE(published.contains(key)) << key;
      EXPECT_EQ(value, published[key]) << key;
    }
  }
}

TEST(MakeConfigJson, WritesSeveralEndTokensAndNone) {
  ModelConfig config = golden("qwen3_5_tiny_vl/config.json");
  for (const std::vector<std::int64_t>& tokens :
       {std::vector<std::int64_t>{1, 2}, std::vector<std::int64_t>{}}) {
    config.eos_token_ids = tokens;
    EXPECT_EQ(parse_model_config(make_config_json(config), "made"), config);
  }
}

// 49 * (1.0 / 49) is below 1: a factor that is merely divided would lose dims.
TEST(MakeConfigJson, KeepsEveryNumberOfRotaryDims) {
  ModelConfig config = golden("qwen3_5_tiny/config.json");
  config.rope.mrope_section.clear();
  for (config.head_dim = 2; config.head_dim <= 128; ++config.head_dim) {
    for (std::int64_t dims = 2; dims <= config.head_dim; dims += 2) {
      config.rope.rotary_dims = dims;
      ASSERT_EQ(parse_model_config(make_config_json(config), "made").rope.rotary_dims, dims)
          << config.head_dim;
    }
  }
}

/// Sizes of the published models: specs/qwen3_5.md 1.
struct Published {
  const char* name;
  std::int64_t hidden, layers, intermediate, heads, kv_heads, value_heads;
  bool tied;
  std::int64_t parameters;
};

TEST(ParameterCount, IsThatOfThePublishedModels) {
  const Published models[] = {{"0.8B", 1024, 24, 3584, 8, 2, 16, true, 752'393'024},
                              {"2B", 2048, 24, 6144, 8, 2, 16, true, 1'881'825'088},
                              {"4B", 2560, 32, 9216, 16, 4, 32, true, 4'205'751'296},
                              {"9B", 4096, 32, 12288, 16, 4, 32, false, 8'953'803'264},
                              {"27B", 5120, 64, 17408, 24, 4, 48, false, 26'895'998'464}};
  for (const Published& model : models) {
    ModelConfig config{.architecture = Architecture::kQwen3_5,
                       .vocab_size = 248320,
                       .hidden_size = model.hidden,
                       .intermediate_size = model.intermediate,
                       .attention_heads = model.heads,
                       .key_value_heads = model.kv_heads,
                       .head_dim = 256,
                       .linear_attention = LinearAttentionConfig{.key_heads = 16,
                                                                 .value_heads = model.value_heads,
                                                                 .key_head_dim = 128,
                                                                 .value_head_dim = 128,
                                                                 .conv_kernel = 4},
                       .tie_word_embeddings = model.tied};
    for (std::int64_t i = 0; i < model.layers; ++i)
      config.layers.push_back((i + 1) % 4 == 0 ? kFull : kLinear);
    EXPECT_EQ(parameter_count(config), model.parameters) << model.name;
  }
}

TEST(ExpectedTensors, ComeInLayerOrder) {
  const auto tensors = expected_tensors(golden("mistral_tiny/config.json"));
  ASSERT_EQ(tensors.size(), 30U);
  EXPECT_EQ(tensors.front(), (ExpectedTensor{"embed_tokens.weight", {320, 64}}));
  EXPECT_EQ(tensors[1].name, "layers.0.input_layernorm.weight");
  EXPECT_EQ(tensors[28].name, "norm.weight");
  EXPECT_EQ(tensors.back(), (ExpectedTensor{"lm_head.weight", {320, 64}}));
  EXPECT_EQ(expected_tensors(golden("qwen3_tiny/config.json")).back().name, "norm.weight");
}

TEST(StoredDtype, KeepsTheTwoTensorsThatPublishedFilesHoldInFloat32) {
  EXPECT_EQ(stored_dtype("layers.0.linear_attn.A_log", Dtype::kBF16), Dtype::kF32);
  EXPECT_EQ(stored_dtype("layers.0.linear_attn.norm.weight", Dtype::kBF16), Dtype::kF32);
  EXPECT_EQ(stored_dtype("norm.weight", Dtype::kBF16), Dtype::kBF16);
  EXPECT_EQ(stored_dtype("layers.0.linear_attn.dt_bias", Dtype::kF16), Dtype::kF16);
}

}  // namespace
}  // namespace polaris
