//! From packaged `CTranslate2` weights to a ggml model file: byte for byte the one that upstream publishes.
//!
//! Only names, order and headers change here; every number keeps its value. The order of tensors must stay as it is,
//! because the result is checked against the SHA-256 of upstream's file.

use std::io::{self, Write};

use super::{
    ctranslate2::Variables,
    ggml::{GgmlWriter, Hyperparameters},
    mel,
};

/// Mel bands of every model that is packaged.
const MELS: u32 = 80;
/// Every Whisper model has attention heads of this width.
const HEAD_WIDTH: usize = 64;

/// Why packaged weights cannot become a ggml file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConvertError {
    #[error("it is CTranslate2 format version {0}, and only version 6 can be read")]
    Version(u32),
    #[error("it ends in the middle of a value")]
    Truncated,
    #[error("its tensor `{0}` has a size other than its shape says")]
    Shape(String),
    #[error("its tensor `{0}` has numbers of a type that cannot be converted without loss")]
    Precision(String),
    #[error("its tensor `{0}` is missing")]
    Missing(String),
    #[error("its token list cannot be read: {0}")]
    Tokenizer(String),
    #[error("its token `{0}` is spelled with characters that stand for no byte")]
    TokenSpelling(String),
    #[error("the converted file cannot be written")]
    Write(#[from] io::Error),
}

/// Writes the ggml form of `weights` (a whole `model.bin`) with `tokens` to `out`.
pub(crate) fn convert(weights: &[u8], tokens: &[Vec<u8>], out: impl Write) -> Result<(), ConvertError> {
    let variables = Variables::parse(weights)?;
    let mut writer = GgmlWriter::new(out);
    writer.header(&hyperparameters(&variables)?)?;
    writer.mel_filters(MELS, mel::BINS, &mel::filter_bank(MELS))?;
    writer.tokens(tokens)?;
    let mut renaming = Renaming { variables: &variables, writer };
    renaming.everything()?;
    Ok(renaming.writer.finish()?)
}

fn hyperparameters(variables: &Variables<'_>) -> Result<Hyperparameters, ConvertError> {
    let extents = |name: &str| match variables.get(name)?.shape[..] {
        [rows, columns] => Ok((rows, columns)),
        _ => Err(ConvertError::Shape(name.to_owned())),
    };
    let (vocabulary, text_state) = extents("decoder/embeddings/weight")?;
    let (audio_context, audio_state) = extents("encoder/position_encodings/encodings")?;
    let (text_context, _) = extents("decoder/position_encodings/encodings")?;
    Ok(Hyperparameters {
        vocabulary,
        audio_context,
        audio_state,
        audio_heads: audio_state / HEAD_WIDTH,
        audio_layers: variables.layers("encoder"),
        text_context,
        text_state,
        text_heads: text_state / HEAD_WIDTH,
        text_layers: variables.layers("decoder"),
        mels: MELS,
    })
}

/// Carries tensors over under the names of `OpenAI`'s code, which ggml keeps.
struct Renaming<'v, 'a, W> {
    variables: &'v Variables<'a>,
    writer: GgmlWriter<W>,
}

impl<W: Write> Renaming<'_, '_, W> {
    /// The order is that of the checkpoint's own entries, which upstream's converter keeps.
    fn everything(&mut self) -> Result<(), ConvertError> {
        self.positions("decoder")?;
        self.positions("encoder")?;
        self.decoder()?;
        self.encoder()
    }

    fn decoder(&mut self) -> Result<(), ConvertError> {
        self.tensor("decoder/embeddings/weight", "decoder.token_embedding.weight")?;
        for layer in 0..self.variables.layers("decoder") {
            let (from, to) = (format!("decoder/layer_{layer}"), format!("decoder.blocks.{layer}"));
            self.feed_forward(&from, &to)?;
            self.self_attention(&from, &to)?;
            self.cross_attention(&from, &to)?;
        }
        self.norm("decoder/layer_norm", "decoder.ln")
    }

    fn encoder(&mut self) -> Result<(), ConvertError> {
        for conv in ["conv1", "conv2"] {
            self.tensor(&format!("encoder/{conv}/weight"), &format!("encoder.{conv}.weight"))?;
            let bias = self.variables.get(&format!("encoder/{conv}/bias"))?.column();
            self.writer.single_precision(&format!("encoder.{conv}.bias"), &bias)?;
        }
        for layer in 0..self.variables.layers("encoder") {
            let (from, to) = (format!("encoder/layer_{layer}"), format!("encoder.blocks.{layer}"));
            self.feed_forward(&from, &to)?;
            self.self_attention(&from, &to)?;
        }
        self.norm("encoder/layer_norm", "encoder.ln_post")
    }

    fn feed_forward(&mut self, from: &str, to: &str) -> Result<(), ConvertError> {
        self.norm(&format!("{from}/ffn/layer_norm"), &format!("{to}.mlp_ln"))?;
        self.stacked(&format!("{from}/ffn/linear_0"), &format!("{to}.mlp"), &["0"])?;
        self.stacked(&format!("{from}/ffn/linear_1"), &format!("{to}.mlp"), &["2"])
    }

    fn self_attention(&mut self, from: &str, to: &str) -> Result<(), ConvertError> {
        let (from, attn) = (format!("{from}/self_attention"), format!("{to}.attn"));
        self.norm(&format!("{from}/layer_norm"), &format!("{to}.attn_ln"))?;
        self.stacked(&format!("{from}/linear_0"), &attn, &["query", "key", "value"])?;
        self.stacked(&format!("{from}/linear_1"), &attn, &["out"])
    }

    fn cross_attention(&mut self, from: &str, to: &str) -> Result<(), ConvertError> {
        let (from, attn) = (format!("{from}/attention"), format!("{to}.cross_attn"));
        self.norm(&format!("{from}/layer_norm"), &format!("{to}.cross_attn_ln"))?;
        self.stacked(&format!("{from}/linear_0"), &attn, &["query"])?;
        self.stacked(&format!("{from}/linear_1"), &attn, &["key", "value"])?;
        self.stacked(&format!("{from}/linear_2"), &attn, &["out"])
    }

    /// Weights and biases that lie stacked by rows in one variable. A key has no bias in Whisper: the stacked one is
    /// zero and has no place in a ggml file.
    fn stacked(&mut self, from: &str, to: &str, parts: &[&str]) -> Result<(), ConvertError> {
        for (place, part) in parts.iter().enumerate() {
            for kind in ["weight", "bias"] {
                if (*part, kind) == ("key", "bias") {
                    continue;
                }
                let name = format!("{from}/{kind}");
                let tensor = self.variables.get(&name)?.part(place, parts.len()).ok_or(ConvertError::Shape(name))?;
                self.writer.tensor(&format!("{to}.{part}.{kind}"), &tensor)?;
            }
        }
        Ok(())
    }

    fn norm(&mut self, from: &str, to: &str) -> Result<(), ConvertError> {
        self.tensor(&format!("{from}/gamma"), &format!("{to}.weight"))?;
        self.tensor(&format!("{from}/beta"), &format!("{to}.bias"))
    }

    fn positions(&mut self, side: &str) -> Result<(), ConvertError> {
        let encodings = self.variables.get(&format!("{side}/position_encodings/encodings"))?;
        self.writer.single_precision(&format!("{side}.positional_embedding"), encodings)
    }

    fn tensor(&mut self, from: &str, to: &str) -> Result<(), ConvertError> {
        let tensor = self.variables.get(from)?;
        self.writer.tensor(to, tensor)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::ctranslate2, *};

    const STATE: u32 = 64;
    const ONE: [u8; 2] = [0x00, 0x3c];

    type Variable = (String, Vec<u32>, u8, Vec<u8>);

    /// Half-precision ones.
    fn ones(name: &str, shape: &[u32]) -> Variable {
        let numbers = usize::try_from(shape.iter().product::<u32>()).unwrap();
        (name.to_owned(), shape.to_vec(), 4, ONE.repeat(numbers))
    }

    fn attention(from: &str, stacks: &[u32]) -> Vec<Variable> {
        let mut variables = vec![
            ones(&format!("{from}/layer_norm/gamma"), &[STATE]),
            ones(&format!("{from}/layer_norm/beta"), &[STATE]),
        ];
        for (place, parts) in stacks.iter().enumerate() {
            variables.push(ones(&format!("{from}/linear_{place}/weight"), &[parts * STATE, STATE]));
            variables.push(ones(&format!("{from}/linear_{place}/bias"), &[parts * STATE]));
        }
        variables
    }

    /// A whole model with one layer a side, as small as the format allows.
    fn tiny_model() -> Vec<Variable> {
        let mut variables = vec![
            ones("encoder/conv1/weight", &[STATE, 80, 3]),
            ones("encoder/conv1/bias", &[STATE]),
            ones("encoder/conv2/weight", &[STATE, STATE, 3]),
            ones("encoder/conv2/bias", &[STATE]),
            ones("decoder/embeddings/weight", &[5, STATE]),
        ];
        for side in ["encoder", "decoder"] {
            variables.push(ones(&format!("{side}/position_encodings/encodings"), &[7, STATE]));
            variables.push(ones(&format!("{side}/layer_norm/gamma"), &[STATE]));
            variables.push(ones(&format!("{side}/layer_norm/beta"), &[STATE]));
            variables.extend(attention(&format!("{side}/layer_0/self_attention"), &[3, 1]));
            variables.extend(attention(&format!("{side}/layer_0/ffn"), &[1, 1]));
        }
        variables.extend(attention("decoder/layer_0/attention", &[1, 2, 1]));
        variables
    }

    fn file(variables: &[Variable]) -> Vec<u8> {
        let borrowed: Vec<_> =
            variables.iter().map(|(name, shape, kind, bytes)| (&**name, &**shape, *kind, bytes.clone())).collect();
        ctranslate2::tests::file(&borrowed)
    }

    /// Reads a ggml file's tensors back as (name, extents, bytes a number).
    fn tensors(ggml: &[u8]) -> Vec<(String, Vec<u32>, usize)> {
        let mut rest = ggml;
        let mut tensors = Vec::new();
        while !rest.is_empty() {
            let (rank, name_length, width) = (take(&mut rest), take(&mut rest), 4 - 2 * take(&mut rest));
            let extents: Vec<u32> = (0..rank).map(|_| take(&mut rest)).collect();
            let name = rest.split_off(..usize::try_from(name_length).unwrap()).unwrap();
            rest.split_off(..usize::try_from(extents.iter().product::<u32>() * width).unwrap()).unwrap();
            let width = usize::try_from(width).unwrap();
            tensors.push((String::from_utf8(name.to_vec()).unwrap(), extents, width));
        }
        tensors
    }

    fn take(rest: &mut &[u8]) -> u32 {
        let (number, after) = rest.split_first_chunk().unwrap();
        *rest = after;
        u32::from_le_bytes(*number)
    }

    #[test]
    fn a_model_becomes_a_whole_ggml_file() {
        let mut ggml = Vec::new();
        convert(&file(&tiny_model()), &[b"a".to_vec(), b"bc".to_vec()], &mut ggml).unwrap();

        let mut rest = &ggml[..];
        let header: Vec<u32> = (0..12).map(|_| take(&mut rest)).collect();
        assert_eq!(header, [0x6767_6d6c, 5, 7, 64, 1, 1, 7, 64, 1, 1, 80, 1]);
        assert_eq!((take(&mut rest), take(&mut rest)), (80, 201));
        rest = &rest[80 * 201 * 4..];
        assert_eq!(take(&mut rest), 2);
        let tokens = [&1_u32.to_le_bytes()[..], b"a", &2_u32.to_le_bytes(), b"bc"].concat();
        rest = rest.strip_prefix(&tokens[..]).unwrap();

        let tensors = tensors(rest);
        // What whisper.cpp asks for with one layer a side: 5 + 15 + 2 of the encoder, 2 + 24 + 2 of the decoder.
        assert_eq!(tensors.len(), 50);
        let first: Vec<_> = tensors.iter().map(|(name, ..)| name.as_str()).take(4).collect();
        assert_eq!(
            first,
            [
                "decoder.positional_embedding",
                "encoder.positional_embedding",
                "decoder.token_embedding.weight",
                "decoder.blocks.0.mlp_ln.weight"
            ]
        );
        let find =
            |name: &str| tensors.iter().find(|tensor| tensor.0 == name).map(|(_, extents, width)| (extents, *width));
        assert_eq!(find("encoder.conv1.weight"), Some((&vec![3, 80, 64], 2)));
        assert_eq!(find("encoder.conv1.bias"), Some((&vec![1, 64], 4)));
        assert_eq!(find("encoder.positional_embedding"), Some((&vec![64, 7], 4)));
        assert_eq!(find("decoder.blocks.0.cross_attn.value.bias"), Some((&vec![64], 4)));
        assert_eq!(find("decoder.blocks.0.cross_attn.key.bias"), None);
        assert_eq!(find("encoder.blocks.0.mlp.2.weight"), Some((&vec![64, 64], 2)));
    }

    #[test]
    fn a_missing_tensor_is_named() {
        let mut variables = tiny_model();
        variables.retain(|(name, ..)| name != "decoder/layer_0/attention/linear_1/bias");
        let error = convert(&file(&variables), &[], Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "its tensor `decoder/layer_0/attention/linear_1/bias` is missing");
    }
}
