import Dicom
import Foundation
import Imaging
import Metrics
import Phantom
import Pipeline
import Platform
import Segmentation

extension Benchmark {
    static let files = [
        Benchmark(name: "dicom-read", work: "a series of 300 slices of 512 x 512, to HU") { settings in
            let series = try PhantomFiles()
            func run() throws -> CTSeries { try loadCTSeries(files: series.files, threads: settings.threads) }
            return Workload(
                bytes: Double(series.files.count * 512 * 512 * 2),
                items: Double(series.files.count),
                run: { _ = try run() },
                check: {
                    let (read, written) = (try run().volume, series.phantom(threads: settings.threads).ct)
                    return ResultCheck(
                        reference: "HU, the values that were written",
                        error: read.voxels.count == written.voxels.count
                            ? zip(read.voxels, written.voxels).reduce(0) { max($0, abs(Double($1.0) - Double($1.1))) }
                            : .infinity,
                        allowed: 0
                    )
                }
            )
        },
        Benchmark(name: "rtstruct-write", work: "both lungs of 300 slices as an RT Structure Set, to file") {
            settings in
            let series = try PhantomFiles()
            let ct = try loadCTSeries(files: series.files)
            let masks = LungShapes.masks()
            var geometry = masks.left.geometry
            geometry = ct.volume.geometry
            let structures = [("Lung_L", masks.left), ("Lung_R", masks.right)].map { name, mask in
                (lung(name), SlicedMask(Mask(geometry: geometry, voxels: mask.voxels)))
            }
            let product = ProductDescription(
                reference: ct.reference,
                slices: ct.slices,
                seriesInstanceUID: "2.25.1",
                sopInstanceUID: "2.25.2",
                seriesNumber: 1,
                algorithmName: "benchmark",
                softwareVersion: ContourdVersion.current,
                date: "20240101",
                time: "120000"
            )
            /// - Returns: the file, in the folder that is there as long as `series` is.
            func run() throws -> String {
                let path = series.folder.path + "/rtstruct.dcm"
                try RTStructureSetWriter(product: product, geometry: geometry, threads: settings.threads)
                    .write(structures, to: path)
                return path
            }
            let size = try FileManager.default.attributesOfItem(atPath: try run())[.size] as? Int ?? 0
            return Workload(
                bytes: Double(2 * geometry.dimensions.voxelCount + size),
                run: { _ = try run() },
                check: {
                    let read = try RTStructureSet(contentsOf: try run()).structures
                    let errors = zip([masks.left, masks.right], read).reduce(0) { errors, pair in
                        let found = pair.1.mask(on: geometry).mask
                        return errors + zip(pair.0.voxels, found.voxels).count { ($0.0 != 0) != ($0.1 != 0) }
                    }
                    return ResultCheck(
                        reference: "voxels that differ when the file is read and its contours are filled",
                        error: read.count == 2 ? Double(errors) : .infinity,
                        allowed: 0
                    )
                }
            )
        },
        Benchmark(name: "whole-job", work: "a 512 x 512 x 300 CT from folder to outbox, with the shipped model") {
            settings in
            let catalog = ModelCatalog.locate(explicitDirectory: nil)
            let model = try settings.model.map { try ModelPackage(contentsOf: $0) } ?? catalog.package(named: "lungs")
            let series = try PhantomFiles()
            let output = series.folder.path + "/outbox"
            try Directory.create(output)
            let work = DirectRun(
                model: model,
                admission: AdmissionLimits(),
                export: ExportOptions(),
                output: output,
                threads: settings.threads
            )
            /// - Returns: the folder of the result.
            func run() throws -> String {
                let scan = try SeriesScan(paths: [series.ctFolder], limits: AdmissionLimits())
                guard let stack = scan.stacks.first else { throw CocoaError(.fileReadNoSuchFile) }
                let outcome = work(stack, references: [], progress: { _, _ in })
                if let fault = outcome.fault { throw fault }
                return outcome.output ?? ""
            }
            return Workload(
                bytes: Double(series.files.count * 512 * 512 * 2),
                items: Double(series.files.count),
                run: { try Directory.remove(try run()) },
                check: {
                    let folder = try run()
                    defer { try? Directory.remove(folder) }  // goes with the folder around it
                    let found = try RTStructureSet(contentsOf: folder + "/rtstruct.dcm").structures
                    let truth = series.phantom(threads: settings.threads)
                    return ResultCheck(
                        reference: "1 - Dice with the lungs of the phantom, the worse one",
                        error: ["Lung_L", "Lung_R"].map { name in
                            guard let own = found.first(where: { $0.name == name }),
                                let wanted = truth.mask(of: name)
                            else { return .nan }
                            return 1
                                - (dice(reference: wanted, prediction: own.mask(on: truth.ct.geometry).mask) ?? .nan)
                        }.reduce(0, worst),
                        allowed: 0.05
                    )
                }
            )
        },
    ]

    private static func lung(_ name: String) -> StructureDescription {
        StructureDescription(
            name: name,
            red: 64,
            green: 128,
            blue: 255,
            interpretedType: "ORGAN",
            category: StructureDescription.anatomicalStructure,
            type: CodedTerm(value: "39607008", scheme: "SCT", meaning: "Lung")
        )
    }
}

/// A synthetic CT of 512 x 512 x 300 on disk, removed with the value.
private final class PhantomFiles {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("contour-bench-\(UUID().uuidString)")
    let files: [String]
    var ctFolder: String { folder.path + "/ct" }

    private let request = PhantomRequest(
        seed: 1,
        columns: 512,
        rows: 512,
        slices: 300,
        spacing: Vector3(0.8, 0.8, 1),
        signs: .supineHeadFirst,
        noiseHU: 14,
        withTruth: false
    )

    /// What was written, made once more.
    func phantom(threads: Int) -> PhantomCase {
        var scan = PhantomScan(geometry: phantomGeometry(request), noiseHU: request.noiseHU)
        scan.apply(request.kind)
        return generatePhantom(seed: request.seed, scan: scan, threads: threads)
    }

    init() throws {
        let path = folder.path
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        _ = try writePhantom(request, to: path, threads: ProcessorCount.available)
        files = try Directory.list(path + "/ct").map { "\(path)/ct/\($0.name)" }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }  // a leftover in the temporary folder harms nobody
}
