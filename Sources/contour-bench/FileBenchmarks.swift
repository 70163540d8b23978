import Dicom
import Foundation
import Imaging
import Pipeline
import Platform
import Segmentation

extension Benchmark {
    static let files = [
        Benchmark(name: "dicom-read", work: "a series of 300 slices of 512 x 512, to HU") { settings in
            let series = try PhantomFiles()
            return Workload(bytes: Double(series.files.count * 512 * 512 * 2), items: Double(series.files.count)) {
                _ = try loadCTSeries(files: series.files, threads: settings.threads)
            }
        },
        Benchmark(name: "rtstruct-write", work: "both lungs of 300 slices as an RT Structure Set, to file") { _ in
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
            return Workload {
                try RTStructureSetWriter(product: product, geometry: geometry)
                    .write(structures, to: series.folder.path + "/rtstruct.dcm")
            }
        },
        Benchmark(name: "whole-job", work: "a 512 x 512 x 300 CT from folder to outbox, with the shipped model") {
            settings in
            let series = try PhantomFiles()
            let catalog = ModelCatalog.locate(explicitDirectory: nil)
            let model = try settings.model.map { try ModelPackage(contentsOf: $0) } ?? catalog.package(named: "lungs")
            let output = series.folder.path + "/outbox"
            try Directory.create(output)
            let work = DirectRun(
                model: model,
                admission: AdmissionLimits(),
                export: ExportOptions(),
                output: output,
                threads: settings.threads
            )
            return Workload(items: Double(series.files.count)) {
                let scan = try SeriesScan(paths: [series.ctFolder], limits: AdmissionLimits())
                for stack in scan.stacks {
                    let outcome = work(stack, references: [], progress: { _, _ in })
                    if let fault = outcome.fault { throw fault }
                    if let folder = outcome.output { try Directory.remove(folder) }
                }
            }
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

    init() throws {
        let request = PhantomRequest(
            seed: 1,
            columns: 512,
            rows: 512,
            slices: 300,
            spacing: Vector3(0.8, 0.8, 1),
            signs: .supineHeadFirst,
            noiseHU: 14,
            withTruth: false
        )
        let path = folder.path
        _ = try writePhantom(request, to: path, threads: ProcessorCount.available)
        files = try Directory.list(path + "/ct").map { "\(path)/ct/\($0.name)" }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }  // a leftover in the temporary folder harms nobody
}
