// swift-tools-version: 6.1
import PackageDescription

/// The layers of contourd, bottom up. `Tests/LayeringTests` compares the `import` lines below
/// `Sources/` with this table; docs/decisions/0001-architecture.md explains it.

// AVX2 and FMA for the kernels alone: targets compiled with these flags keep non-generic entry
// points, and `contourd` checks the processor before the first of them runs.
let simd: [SwiftSetting] = [.unsafeFlags(["-Xcc", "-mavx2", "-Xcc", "-mfma"])]

let dcmtk: [LinkerSetting] = [
    .linkedLibrary("dcmjpls"), .linkedLibrary("dcmjpeg"), .linkedLibrary("ijg8"), .linkedLibrary("ijg12"),
    .linkedLibrary("ijg16"), .linkedLibrary("dcmimgle"), .linkedLibrary("dcmdata"), .linkedLibrary("oflog"),
    .linkedLibrary("ofstd"), .linkedLibrary("stdc++"), .linkedLibrary("z"),
]

// An installed program finds Swift's runtime beside itself (`make install` puts it there): a toolchain in somebody's
// home is out of reach for the service's user.
let runtime: [LinkerSetting] = [.unsafeFlags(["-Xlinker", "-rpath", "-Xlinker", "$ORIGIN/../lib/contourd"])]

let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let serviceLifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let toml: Target.Dependency = .product(name: "TOMLKit", package: "TOMLKit")

let package = Package(
    name: "contourd",
    products: [
        .executable(name: "contourd", targets: ["contourd"]),
        .executable(name: "contourctl", targets: ["contourctl"]),
        .executable(name: "contour-bench", targets: ["contour-bench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
    targets: [
        // C libraries: module map and shim header, one Swift owner each.
        .target(name: "CDCMTK", cxxSettings: [.unsafeFlags(["-std=c++17"])], linkerSettings: dcmtk),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "COpenJPEG", pkgConfig: "libopenjp2", providers: [.apt(["libopenjp2-7-dev"])]),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CProcessor"),
        .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),

        // Ground.
        .target(name: "Platform", dependencies: ["CCrypto", "CLinux"]),
        // Space.
        .target(name: "Imaging", dependencies: ["Platform"], swiftSettings: simd),
        // Numbers.
        .target(name: "Metrics", dependencies: ["Imaging", "Platform"]),
        .target(name: "NeuralNet", dependencies: ["COpenBLAS", "CProcessor", "Platform"], swiftSettings: simd),
        // Domain.
        .target(name: "Dicom", dependencies: ["Imaging", "Platform", "CDCMTK", "COpenJPEG"], swiftSettings: simd),
        .target(name: "Nifti", dependencies: ["Imaging", "Platform", "CZlib"]),
        .target(name: "Segmentation", dependencies: ["Imaging", "NeuralNet", "Metrics", "Platform"]),
        .target(name: "Report", dependencies: ["Imaging", "Metrics", "Platform", "CPNG"]),
        .target(name: "Phantom", dependencies: ["Imaging", "Platform"]),
        // Work and memory.
        .target(
            name: "Pipeline",
            dependencies: ["Imaging", "Dicom", "Nifti", "Segmentation", "Metrics", "Report", "Phantom", "Platform"]
        ),
        .target(name: "Store", dependencies: ["Platform", grdb]),
        // Service.
        .target(
            name: "Daemon",
            dependencies: [
                "Pipeline", "Store", "Dicom", "Segmentation", "Platform", "CSystemd", logging, serviceLifecycle, toml,
            ]
        ),
        // Executables.
        .executableTarget(
            name: "contourd",
            dependencies: ["Daemon", "Pipeline", "Platform", argumentParser],
            linkerSettings: runtime
        ),
        .executableTarget(
            name: "contourctl",
            dependencies: [
                "Daemon", "Pipeline", "Segmentation", "Phantom", "Dicom", "Nifti", "Metrics", "Report", "Store",
                "Imaging", "Platform", argumentParser,
            ],
            linkerSettings: runtime
        ),
        .executableTarget(
            name: "contour-bench",
            dependencies: [
                "Imaging", "NeuralNet", "Metrics", "Dicom", "Segmentation", "Pipeline", "Phantom", "Platform",
                argumentParser,
            ],
            linkerSettings: runtime
        ),

        .testTarget(name: "PlatformTests", dependencies: ["Platform"]),
        .testTarget(name: "ImagingTests", dependencies: ["Imaging"]),
        .testTarget(name: "MetricsTests", dependencies: ["Metrics", "Imaging"]),
        .testTarget(name: "NeuralNetTests", dependencies: ["NeuralNet"]),
        .testTarget(name: "DicomTests", dependencies: ["Dicom", "Imaging", "Platform"]),
        .testTarget(name: "NiftiTests", dependencies: ["Nifti", "Imaging"]),
        .testTarget(name: "SegmentationTests", dependencies: ["Segmentation", "NeuralNet", "Imaging"]),
        .testTarget(name: "ReportTests", dependencies: ["Report", "Imaging", "Metrics", "Platform", "CPNG"]),
        .testTarget(name: "PhantomTests", dependencies: ["Phantom", "Imaging"]),
        .testTarget(
            name: "PipelineTests",
            dependencies: [
                "Pipeline", "Dicom", "Nifti", "Imaging", "Segmentation", "Phantom", "NeuralNet", "Metrics", "Platform",
            ]
        ),
        .testTarget(name: "StoreTests", dependencies: ["Store", grdb]),
        .testTarget(
            name: "DaemonTests",
            dependencies: ["Daemon", "Store", "Pipeline", "Dicom", "Imaging", "Platform", logging]
        ),
        .testTarget(name: "CommandLineTests"),
        .testTarget(name: "LayeringTests"),
    ],
    swiftLanguageModes: [.v6]
)
