#include "text/tokenizer_pipeline.h"

namespace polaris {
namespace {

constexpr std::string_view kSpaceMark = "\u2581";

/// The components under `key`: the parts of a "Sequence" (`list` names its list), the one thing
/// that stands there, or none.
std::vector<JsonPlace> components(const JsonPlace& document, std::string_view key,
                                  std::string_view list) {
  if (!document.has(key)) return {};
  const JsonPlace component = document.at(key);
  if (component.type() == "Sequence") return component.at(list).elements();
  return {component};
}

std::string types_of(const std::vector<JsonPlace>& parts) {
  std::string types;
  for (const auto& part : parts) types += (types.empty() ? "" : ", ") + part.type();
  return types.empty() ? "nothing" : types;
}

bool replaces(const JsonPlace& part, std::string_view from, std::string_view to) {
  return part.at("pattern").has("String") && part.at("pattern").at("String").text() == from &&
         part.at("content").text() == to;
}

void read_normalizer(const JsonPlace& document, Pipeline& pipeline) {
  const auto parts = components(document, "normalizer", "normalizers");
  const std::string types = types_of(parts);
  if (types == "nothing") return;
  if (types == "NFC") {
    pipeline.nfc = true;
  } else if (types == "Prepend, Replace" && parts[0].at("prepend").text() == kSpaceMark &&
             replaces(parts[1], " ", kSpaceMark)) {
    pipeline.metaspace = Metaspace{Metaspace::Prepend::kUnconditional};
  } else if (types == "Replace" && replaces(parts[0], " ", kSpaceMark)) {
    pipeline.metaspace = Metaspace{Metaspace::Prepend::kNever};
  } else {
    throw document.at("normalizer")
        .error(fmt::format(
            "{} is not supported; supported: nothing, NFC, [Prepend \"\u2581\",] Replace \" \" by "
            "\"\u2581\"",
            types));
  }
}

SplitPattern read_split(const JsonPlace& split, const JsonPlace& byte_level) {
  const JsonPlace regex = split.at("pattern").at("Regex");
  const auto pattern = split_pattern_of(regex.text());
  if (!pattern) {
    throw regex.error(
        fmt::format("the pattern {} is not one of those built in: qwen2, qwen3.5, llama-3, tekken",
                    regex.text()));
  }
  if (split.at("behavior").text() != "Isolated" || split.flag("invert", false))
    throw split.error("only the behavior \"Isolated\" without invert is supported");
  if (byte_level.flag("add_prefix_space", true) || byte_level.flag("use_regex", true))
    throw byte_level.error("add_prefix_space and use_regex must be false");
  return *pattern;
}

Metaspace read_metaspace(const JsonPlace& part) {
  if (part.at("replacement").text() != kSpaceMark)
    throw part.at("replacement").error("only \"\u2581\" is supported");
  Metaspace metaspace = {.prepend = Metaspace::Prepend::kAlways, .split = part.flag("split", true)};
  if (!part.has("prepend_scheme")) {
    if (!part.flag("add_prefix_space", true)) metaspace.prepend = Metaspace::Prepend::kNever;
    return metaspace;
  }
  const std::string& scheme = part.at("prepend_scheme").text();
  if (scheme == "first") {
    metaspace.prepend = Metaspace::Prepend::kFirst;
  } else if (scheme == "never") {
    metaspace.prepend = Metaspace::Prepend::kNever;
  } else if (scheme != "always") {
    throw part.at("prepend_scheme")
        .error(fmt::format("\"{}\" is not supported; supported: first, never, always", scheme));
  }
  return metaspace;
}

void read_pre_tokenizer(const JsonPlace& document, Pipeline& pipeline) {
  const auto parts = components(document, "pre_tokenizer", "pretokenizers");
  const std::string types = types_of(parts);
  if (types == "nothing" && pipeline.metaspace) return;
  if (types == "Split, ByteLevel" && !pipeline.metaspace) {
    pipeline.split = read_split(parts[0], parts[1]);
  } else if (types == "Metaspace" && !pipeline.metaspace && !pipeline.nfc) {
    pipeline.metaspace = read_metaspace(parts[0]);
  } else {
    throw document.error(fmt::format(
        "pre_tokenizer: {} is not supported with this normalizer; supported: a Sequence of Split "
        "and ByteLevel, Metaspace, and nothing if the normalizer replaces spaces",
        types));
  }
}

void read_model(const JsonPlace& model, const Pipeline& pipeline, bool& ignore_merges) {
  if (const std::string type = model.has("type") ? model.type() : "BPE"; type != "BPE")
    throw model.error(fmt::format("the model type {} is not supported; supported: BPE", type));
  if (model.has("dropout")) throw model.at("dropout").error("only null is supported");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (model.has(key) && !model.at(key).text().empty())
      throw model.at(key).error("only null is supported");
  }
  const bool byte_fallback = model.flag("byte_fallback", false);
  if (byte_fallback != pipeline.metaspace.has_value()) {
    throw model.error(fmt::format(
        "byte_fallback = {} does not fit the pre_tokenizer: {}", byte_fallback,
        byte_fallback ? "byte-level tokens need none" : "Metaspace is supported with it only"));
  }
  ignore_merges = model.flag("ignore_merges", false);
}

void read_decoder(const JsonPlace& document, Pipeline& pipeline) {
  const auto parts = components(document, "decoder", "decoders");
  const std::string types = types_of(parts);
  if (pipeline.split && types == "ByteLevel") return;
  if (pipeline.metaspace && types.starts_with("Replace, ByteFallback, Fuse") &&
      replaces(parts[0], kSpaceMark, " ")) {
    if (parts.size() == 3) return;
    const JsonPlace& strip = parts[3];
    if (types == "Replace, ByteFallback, Fuse, Strip" && strip.at("content").text() == " " &&
        strip.at("start").index_below(2) == 1 && strip.at("stop").index_below(1) == 0) {
      pipeline.strip_space = true;
      return;
    }
  }
  throw document.error(fmt::format(
      "decoder: {} does not fit or is not supported; supported: ByteLevel after a byte-level "
      "pre_tokenizer, else a Sequence of Replace \"\u2581\" by \" \", ByteFallback, Fuse and "
      "possibly Strip of one space at the start",
      types));
}

void read_template(const JsonPlace& processor, std::size_t id_limit, Pipeline& pipeline) {
  bool text_seen = false;
  for (const auto& piece : processor.at("single").elements()) {
    if (piece.has("Sequence")) {
      if (text_seen) throw piece.error("the text stands twice");
      text_seen = true;
      continue;
    }
    const std::string& name = piece.at("SpecialToken").at("id").text();
    for (const auto& id : processor.at("special_tokens").at(name).at("ids").elements()) {
      auto& side = text_seen ? pipeline.suffix : pipeline.prefix;
      side.push_back(static_cast<TokenId>(id.index_below(id_limit)));
    }
  }
  if (!text_seen) throw processor.at("single").error("the text itself is missing");
}

void read_post_processor(const JsonPlace& document, std::size_t id_limit, Pipeline& pipeline) {
  bool template_seen = false;
  for (const auto& processor : components(document, "post_processor", "processors")) {
    if (processor.type() == "ByteLevel") continue;  // changes offsets only
    if (processor.type() != "TemplateProcessing" || template_seen) {
      throw processor.error(
          fmt::format("{} is not supported here; supported: ByteLevel and one TemplateProcessing",
                      processor.type()));
    }
    template_seen = true;
    read_template(processor, id_limit, pipeline);
  }
}

}  // namespace

Pipeline read_pipeline(const JsonPlace& document, std::size_t id_limit) {
  Pipeline pipeline;
  read_normalizer(document, pipeline);
  read_pre_tokenizer(document, pipeline);
  read_model(document.at("model"), pipeline, pipeline.ignore_merges);
  read_decoder(document, pipeline);
  read_post_processor(document, id_limit, pipeline);
  return pipeline;
}

}  // namespace polaris
