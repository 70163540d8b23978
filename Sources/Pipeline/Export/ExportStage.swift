import Dicom
import Foundation
import Imaging
import Nifti
import Platform
import Report
import Segmentation

/// Everything that a Run knows when it exports.
struct RunResult {
    let request: RunRequest
    let model: ModelPackage
    let facts: SeriesFacts
    let segmentation: SegmentationFacts
    let evaluation: EvaluationFacts
    let labels: LabelMap
    private let values: SliceValues

    init(_ request: RunRequest, _ folder: RunFolder, allowance: Int) throws {
        self.request = request
        model = try loadModel(of: request)
        facts = try folder.decode(SeriesFacts.self, stage: .resample, "series.json")
        segmentation = try folder.decode(SegmentationFacts.self, stage: .segment, "segmentation.json")
        evaluation = try folder.decode(EvaluationFacts.self, stage: .evaluate, "evaluation.json")
        labels = LabelMap(
            volume: try Volume(contentsOfBase: folder.directory(of: .segment) + "/labels", allowance: allowance),
            labels: segmentation.labels
        )
        values = SliceValues(labels.volume)
    }

    func mask(of labels: Set<UInt8>) -> SlicedMask { SlicedMask(self.labels.volume, values: labels, in: values) }

    /// Found structures with their labels, derived ones after.
    var structures: [(description: StructureDescription, labels: Set<UInt8>)] {
        let found = Set(segmentation.structures.filter(\.found).map(\.name))
        let own = model.description.rois.filter { found.contains($0.name) }
            .map { (StructureDescription($0), Set([UInt8($0.label)])) }
        let derived = model.description.derivedROIs.compactMap { roi -> (StructureDescription, Set<UInt8>)? in
            let members = model.description.rois.filter { roi.union.contains($0.name) && found.contains($0.name) }
            return members.isEmpty ? nil : (StructureDescription(roi), Set(members.map { UInt8($0.label) }))
        }
        return own + derived
    }

    var identity: ProductIdentity {
        ProductIdentity(request, series: facts.summary)
    }
}

/// Writes the folder that is delivered: RT Structure Set, Segmentation, NIfTI masks, report and pictures.
struct ExportStage: Stage {
    static let name = StageName.export

    func run(_ request: RunRequest, _ folder: RunFolder, output: String, _ context: StageContext) throws {
        let start = ContinuousClock.now
        let result = try RunResult(request, folder, allowance: context.memory.allowance)
        var structures = result.evaluation.structures
        if !result.structures.isEmpty {
            try writeObjects(of: result, folder, output, context, reporting: &structures)
            try context.report(0.55, "NIfTI")
            if request.export.writesNifti { try writeNifti(of: result, output, context) }
        }
        try context.report(0.7, "pictures")
        let pictures = try pictures(of: result, folder, context)
        var report = try caseReport(of: result, structures: structures, folder)
        report.files = try digests(in: output)
        report.stages.append(
            .init(stage: "export", seconds: start.duration(to: .now).seconds, peakMemoryMB: PeakMemory.currentMB)
        )
        try RunJSON.encode(report).write(to: URL(fileURLWithPath: output + "/report.json"))
        let card = FileManager.default.contents(atPath: request.modelDirectory + "/MODEL_CARD.md")
        let page = reportHTML(report, pictures: pictures, modelCard: card.map { String(decoding: $0, as: UTF8.self) })
        try Data(page.utf8).write(to: URL(fileURLWithPath: output + "/report.html"))
        try context.report(1, "done")
    }

    private func writeObjects(
        of result: RunResult,
        _ folder: RunFolder,
        _ output: String,
        _ context: StageContext,
        reporting structures: inout [CaseReport.StructureReport]
    ) throws {
        let reference = try ReferenceAttributes(contentsOf: folder.directory(of: .resample) + "/reference.dcm")
        let masks = result.structures.map { ($0.description, result.mask(of: $0.labels)) }
        try context.memory.check(masks.map(\.1))
        let geometry = result.labels.volume.geometry
        let gate = RoundTripGate(geometry: geometry, minimumDice: result.request.export.minimumRoundTripDice)
        try context.report(0.1, "RT Structure Set and Segmentation")
        // Two files that know nothing of each other.
        var writers: [@Sendable () throws -> [String: Double]] = [
            {
                let path = output + "/rtstruct.dcm"
                let product = product("rtstruct", 9001, result, reference)
                let revision = result.request.revision
                try RTStructureSetWriter(
                    product: product,
                    geometry: geometry,
                    holes: result.request.export.holes,
                    // 16 characters at most.
                    label: revision == 1 ? "contourd auto" : "contourd r\(revision)",
                    threads: context.threads
                ).write(masks, to: path)
                try context.report(0.3, "comparing the RT Structure Set")
                releaseFreeMemory()
                return try gate.checkRTStructureSet(at: path, masks)
            }
        ]
        if result.request.export.writesSegmentation {
            writers.append {
                let path = output + "/seg.dcm"
                let product = product("seg", 9002, result, reference)
                try SegmentationWriter(product: product, geometry: geometry).write(masks, to: path)
                try context.report(0.3, "comparing the Segmentation")
                releaseFreeMemory()
                return try gate.checkSegmentation(at: path, masks)
            }
        }
        let areHeldTogether = context.memory.allows(objects: writers.count, of: masks.map(\.1))
        let agreement = try concurrently(threads: areHeldTogether ? context.threads : 1, writers)
        releaseFreeMemory()
        for index in structures.indices {
            structures[index].rtStructureSetRoundTripDice = agreement[0][structures[index].name]
            structures[index].segmentationRoundTripDice = agreement.dropFirst().first?[structures[index].name]
        }
    }

    private func product(
        _ name: String,
        _ seriesNumber: Int,
        _ result: RunResult,
        _ reference: ReferenceAttributes
    ) -> ProductDescription {
        let moment = DicomMoment(result.request.createdAt)
        var product = ProductDescription(
            reference: reference,
            slices: result.facts.slices,
            seriesInstanceUID: result.identity.seriesInstanceUID(of: name),
            sopInstanceUID: result.identity.sopInstanceUID(of: name),
            seriesNumber: seriesNumber,
            algorithmName: "\(result.model.name) \(result.model.description.version)",
            softwareVersion: result.request.softwareVersion,
            date: moment.date,
            time: moment.time
        )
        product.revision = result.request.revision
        product.isDemonstration = result.model.description.isDemonstration
        return product
    }

    private func writeNifti(of result: RunResult, _ output: String, _ context: StageContext) throws {
        let own = result.structures.map { structure in
            { @Sendable in
                try NiftiFile.write(
                    result.mask(of: structure.labels),
                    to: "\(output)/\(structure.description.name).nii.gz"
                )
            }
        }
        let all = { @Sendable in try NiftiFile.write(result.labels.volume, to: output + "/labels.nii.gz") }
        _ = try concurrently(threads: context.threads, [all] + own)
    }

    private func pictures(
        of result: RunResult,
        _ folder: RunFolder,
        _ context: StageContext
    ) throws -> [CasePicture] {
        guard result.request.export.writesPictures else { return [] }
        return try RunPictures(
            labels: result.labels,
            rois: result.model.description.rois,
            unions: result.model.description.unions,
            segmentation: result.segmentation,
            evaluation: result.evaluation.evaluation,
            scan: result.facts.identity,
            referenceFiles: result.request.referenceFiles,
            imageUIDs: result.facts.imageUIDs,
            threads: context.threads
        ).draw(
            on: Volume(contentsOfBase: folder.directory(of: .resample) + "/ct", allowance: context.memory.allowance)
        )
    }

    private func digests(in output: String) throws -> [String: String] {
        var digests: [String: String] = [:]
        for entry in try Directory.list(output) where entry.kind == .file {
            digests[entry.name] = try SHA256Digest.hex(ofFile: "\(output)/\(entry.name)")
        }
        return digests
    }
}
