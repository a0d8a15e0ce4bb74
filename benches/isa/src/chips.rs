//! The GPUs that are compiled for, and how Mesa is told which.

use crate::run::COMPILE;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Chip {
    pub(crate) name: &'static str,
    maker: Maker,
    /// What the driver calls it.
    id: &'static str,
    /// The lanes of its smallest subgroups.
    pub(crate) lanes: u32,
}

/// Set where accesses to buffers are not checked: by its maker's driver the GPU does that itself, and Mesa's
/// would add instructions and read word by word.
pub(crate) const UNCHECKED: &str = "WGLOSS_ISA_UNCHECKED";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Maker {
    Amd,
    Intel,
    Nvidia,
}

/// All of them.
pub(crate) const ALL: [Chip; 5] = [
    Chip { name: "navi21", maker: Maker::Amd, id: "navi21", lanes: 32 },
    Chip { name: "navi31", maker: Maker::Amd, id: "navi31", lanes: 32 },
    Chip { name: "vega10", maker: Maker::Amd, id: "vega10", lanes: 64 },
    Chip { name: "arc", maker: Maker::Intel, id: "0x56a0", lanes: 8 },
    Chip { name: "ampere", maker: Maker::Nvidia, id: "0x172", lanes: 32 },
];

impl Chip {
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let known = || ALL.map(|chip| chip.name).join(", ");
        let found = ALL.into_iter().find(|chip| chip.name == name);
        found.ok_or_else(|| format!("--chips: {name} is none of {}", known()))
    }
}

impl Maker {
    /// The last part of the name of its driver.
    fn driver(self) -> &'static str {
        match self {
            Self::Amd => "radeon",
            Self::Intel => "intel",
            Self::Nvidia => "nouveau",
        }
    }
}

const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

impl Chip {
    /// Whether its driver is there, knows it and can do without it: the system's can for AMD's only.
    pub(crate) fn is_there(&self, mesa: Option<&Path>, place: &Path) -> bool {
        let found = match mesa {
            None => self.maker == Maker::Amd && system_driver().is_some(),
            Some(root) => {
                let there = |name: &str| root.join(LIBRARIES).join(name).exists();
                let driver = format!("libvulkan_{}.so", self.maker.driver());
                there(&driver) && self.shim().is_none_or(there)
            }
        };
        let opens = |mut command: Command| {
            let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            quiet.status().is_ok_and(|status| status.success())
        };
        found && self.command(mesa, place).is_ok_and(opens)
    }

    /// Whether its kernels are held to limits: the others' are only told.
    pub(crate) fn is_held(&self) -> bool {
        self.maker == Maker::Amd
    }

    /// How many subgroups are on a unit at once, by the driver's number: for RDNA it counts halves of them.
    pub(crate) fn waves(&self, told: u64) -> u64 {
        if self.name.starts_with("navi") { told / 2 } else { told }
    }

    /// What stands for the part of the system's kernel that talks to the GPU.
    fn shim(&self) -> Option<&'static str> {
        match self.maker {
            Maker::Amd => None,
            Maker::Intel => Some("libwgloss_intel.so"),
            Maker::Nvidia => Some("libnouveau_noop_drm_shim.so"),
        }
    }

    /// A run of this program on the chip's driver. `place` is a folder to write to.
    pub(crate) fn command(&self, mesa: Option<&Path>, place: &Path) -> Result<Command, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(&program);
        let mut driver = system_driver();
        if let Some(root) = mesa {
            let libraries = root.join(LIBRARIES);
            let shim = self.shim().map(|shim| libraries.join(shim));
            let name = self.maker.driver();
            let json = format!(
                r#"{{"ICD":{{"api_version":"1.3.0","library_path":"{}/libvulkan_{name}.so"}},"file_format_version":"1.0.0"}}"#,
                libraries.display()
            );
            // Another thread's driver may be reading its own.
            let path = place.join(format!("{:?}.json", std::thread::current().id()));
            std::fs::write(&path, json).map_err(|error| format!("{}: {error}", path.display()))?;
            driver = Some(path);
            // A newer system's libraries come with what loads them.
            let loader = libraries.join("ld-linux-x86-64.so.2");
            if loader.exists() {
                command = Command::new(loader);
                let own = format!("{}:/{LIBRARIES}", libraries.display());
                command.args(["--library-path", &own]);
                if let Some(shim) = &shim {
                    command.arg("--preload").arg(shim);
                }
                command.arg(&program);
            } else {
                command.env("LD_LIBRARY_PATH", &libraries);
                command.envs(shim.map(|shim| ("LD_PRELOAD", shim)));
            }
        }
        let driver = driver.ok_or_else(|| format!("{}: no driver", self.name))?;
        match self.maker {
            Maker::Amd => command.env("RADV_FORCE_FAMILY", self.id),
            Maker::Intel => command.env("INTEL_DEVICE", self.id),
            Maker::Nvidia => command
                .env("NOUVEAU_CHIPSET", self.id)
                .env("NVK_I_WANT_A_BROKEN_VULKAN_DRIVER", "1")
                .env(UNCHECKED, "1"),
        };
        command.arg(COMPILE);
        // What was compiled before tells nothing of itself.
        command.env("MESA_SHADER_CACHE_DISABLE", "1").env("VK_ICD_FILENAMES", driver);
        Ok(command)
    }
}

/// Where the loader finds the system's driver for AMD's GPUs.
fn system_driver() -> Option<PathBuf> {
    let all = std::fs::read_dir("/usr/share/vulkan/icd.d").ok()?;
    let paths = all.filter_map(|entry| Some(entry.ok()?.path()));
    let own = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("radeon_icd"))
    };
    paths.filter(own).min()
}
