//! Makes RAFS v6 images through Nydus's own builder: what `nydus-image create` with `--batch-size`
//! and `--encrypt`, and `nydus-image merge` do, for a version whose command line lacks the options.
//!
//! nydus-builder create LAYER.tar BLOB COMPRESSOR DIGESTER CHUNK_BYTES BATCH_BYTES CIPHER
//! nydus-builder merge BOOTSTRAP LAYER_BOOTSTRAP...    each named by the hex of its blob's digest
//!
//! BATCH_BYTES 0 packs nothing together; CIPHER is none or aes-128-xts, with a random key.
use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use nydus_api::ConfigV2;
use nydus_builder::attributes::Attributes;
use nydus_builder::{
    ArtifactStorage, BlobManager, BootstrapManager, BuildContext, Builder, ConversionType,
    Features, Merger, Prefetch, TarballBuilder, WhiteoutSpec,
};
use nydus_rafs::metadata::RafsVersion;
use nydus_storage::device::BlobFeatures;
use nydus_storage::meta::BatchContextGenerator;
use nydus_utils::{compress, digest};

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["create", layer, blob, compressor, digester, chunk, batch, cipher] => {
            create(layer, blob, compressor, digester, chunk, batch, cipher)
        }
        ["merge", bootstrap, ref layers @ ..] => merge(bootstrap, layers),
        _ => Err(
            "create LAYER BLOB COMPRESSOR DIGESTER CHUNK BATCH CIPHER | merge BOOTSTRAP LAYER...".into(),
        ),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nydus-builder: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Writes one blob with chunks, chunk-info, bootstrap and table of contents.
fn create(
    layer: &str,
    blob: &str,
    compressor: &str,
    digester: &str,
    chunk: &str,
    batch: &str,
    cipher: &str,
) -> Outcome {
    let digester = digest::Algorithm::from_str(digester)?;
    let batch_size: u32 = batch.parse()?;
    let is_encrypted = match cipher {
        "none" => false,
        "aes-128-xts" => true,
        _ => return Err("the cipher is none or aes-128-xts".into()),
    };
    let mut context = BuildContext::new(
        String::new(),
        true,
        0,
        compress::Algorithm::from_str(compressor)?,
        digester,
        true,
        WhiteoutSpec::None,
        ConversionType::TarToRafs,
        PathBuf::from(layer),
        Prefetch::default(),
        Some(ArtifactStorage::SingleFile(PathBuf::from(blob))),
        None,
        true,
        Features::try_from("blob-toc")?,
        is_encrypted,
        Attributes::default(),
    );
    context.set_fs_version(RafsVersion::V6);
    context.set_chunk_size(chunk.parse()?);
    context.set_batch_size(batch_size);
    // As nydus-image does for these options.
    if is_encrypted {
        context
            .blob_features
            .insert(BlobFeatures::ENCRYPTED | BlobFeatures::CHUNK_INFO_V2);
    }
    if batch_size > 0 {
        context
            .blob_features
            .insert(BlobFeatures::BATCH | BlobFeatures::CHUNK_INFO_V2);
        context.blob_batch_generator = Some(Mutex::new(BatchContextGenerator::new(batch_size)?));
    }
    let config = ConfigV2::default();
    config.internal.set_blob_accessible(true);
    context.set_configuration(Arc::new(config));
    TarballBuilder::new(ConversionType::TarToRafs).build(
        &mut context,
        &mut BootstrapManager::new(None, None),
        &mut BlobManager::new(digester, false),
    )?;
    Ok(())
}

/// Merges the bootstraps of layers, lowest first.
fn merge(bootstrap: &str, layers: &[&str]) -> Outcome {
    Merger::merge(
        &mut BuildContext::default(),
        None,
        layers.iter().map(PathBuf::from).collect(),
        None,
        None,
        None,
        None,
        None,
        ArtifactStorage::SingleFile(PathBuf::from(bootstrap)),
        None,
        Arc::new(ConfigV2::default()),
    )?;
    Ok(())
}
