import Dicom
import Foundation
import Imaging
import Platform
import Report
import Segmentation

/// What `resample` learned about the CT, for the stages after it.
struct SeriesFacts: Codable {
    var summary: CaseReport.SeriesSummary
    var slices: [SliceReference]
    var findings: [AdmissionFinding]
    /// Patient x (LPS, mm) of the middle of the body: what left and right are judged by.
    var bodyCentreX: Double
    /// Whose CT it is, to be compared with that of references; nil where it does not say.
    var patientMark: String?

    /// What structures of references name, where they lie on this CT.
    var identity: ScanIdentity {
        ScanIdentity(
            frameOfReferenceUIDs: Set([summary.frameOfReferenceUID].compactMap(\.self)),
            seriesInstanceUIDs: [summary.seriesInstanceUID],
            imageUIDs: Set(slices.map(\.sopInstanceUID))
        )
    }
}

/// Decodes the CT, tests whether it is one trustworthy volume, and resamples it to the model's grid.
struct ResampleStage: Stage {
    static let name = StageName.resample

    func run(_ request: RunRequest, _ folder: RunFolder, output: String, _ context: StageContext) throws {
        if let refusals = request.refusals, !refusals.isEmpty { throw try refusal(of: request, refusals) }
        let model = try loadModel(of: request)
        let files = try UnchangedFiles(
            request.dicomFiles,
            digests: request.fileDigests,
            series: request.seriesNumber,
            threads: context.threads
        )
        let allowance = context.memory.allowance
        let series = try loadCTSeries(
            files: request.dicomFiles,
            limits: request.admission,
            threads: context.threads,
            seriesInstanceCount: request.seriesInstanceCount,
            progress: { context.progress($0 * 0.7, "reading the CT") },
            isCancelled: context.isCancelled,
            volume: { geometry in
                try context.memory.check(geometry, model, threads: context.threads)
                return try Volume(creatingBase: output + "/ct", geometry: geometry, allowance: allowance)
            }
        )
        try files.check(series: request.seriesNumber)
        try context.report(0.7, "resampling")
        _ = try networkInput(ct: series.volume, model: model, threads: context.threads) {
            try Volume(creatingBase: output + "/input", geometry: $0, allowance: allowance)
        }
        try context.report(0.95, "writing")
        try series.reference.write(to: output + "/reference.dcm")
        try RunJSON.encode(facts(of: series, request)).write(to: URL(fileURLWithPath: output + "/series.json"))
        try context.report(1, "done")
    }

    /// All reasons in one answer: a sender who mends one shall not learn of the next thereafter.
    private func refusal(of request: RunRequest, _ refusals: [AdmissionFinding]) throws(DicomError) -> DicomError {
        let examination = try examineCTSeries(
            files: request.dicomFiles,
            limits: request.admission,
            seriesInstanceCount: request.seriesInstanceCount
        )
        // What the images themselves say of it has more details.
        let told = Set(examination.refusals.map(\.code))
        return .refused(examination.refusals + refusals.filter { !told.contains($0.code) })
    }

    private func facts(of series: CTSeries, _ request: RunRequest) -> SeriesFacts {
        let geometry = series.volume.geometry
        let digest = digest(of: series.volume)
        var summary = request.series ?? CaseReport.SeriesSummary(stack: [series.header], part: nil)
        summary.images = geometry.dimensions.k
        (summary.columns, summary.rows) = (geometry.dimensions.i, geometry.dimensions.j)
        summary.frameOfReferenceUID = geometry.frameOfReferenceUID
        summary.slices = geometry.dimensions.k
        summary.spacingMM = [geometry.spacing.x, geometry.spacing.y, geometry.spacing.z]
        summary.extentIsProvable = series.extentIsProvable
        summary.volumeDigest = digest
        return SeriesFacts(
            summary: summary,
            slices: series.slices,
            findings: series.findings,
            bodyCentreX: bodyCentreX(of: series.volume),
            patientMark: PatientDigest(series.reference.dataSet)?.mark(inSeries: summary.seriesInstanceUID)
        )
    }

    private func digest(of volume: Volume<Int16>) -> String {
        var digest = SHA256Digest()
        let slice = volume.geometry.dimensions.i * volume.geometry.dimensions.j * MemoryLayout<Int16>.stride
        volume.voxels.withUnsafeBytes { bytes in
            for start in stride(from: 0, to: bytes.count, by: slice) {
                digest.update(UnsafeRawBufferPointer(rebasing: bytes[start..<start + slice]))
                volume.touched()
            }
        }
        return digest.finalizedHex()
    }

    /// Mean x of what is denser than fat-free air, over every fourth voxel.
    private func bodyCentreX(of volume: Volume<Int16>) -> Double {
        let d = volume.geometry.dimensions
        var (sum, count) = (Vector3.zero, 0.0)
        for k in stride(from: 0, to: d.k, by: 4) {
            for j in stride(from: 0, to: d.j, by: 4) {
                for i in stride(from: 0, to: d.i, by: 4) where volume[i, j, k] > -300 {
                    sum += Vector3(Double(i), Double(j), Double(k))
                    count += 1
                }
            }
            volume.touched()
        }
        let middle = count > 0 ? sum / count : Vector3(Double(d.i), Double(d.j), Double(d.k)) / 2
        return volume.geometry.patientPoint(i: middle.x, j: middle.y, k: middle.z).x
    }
}

/// The model of a Run, refused when it is no longer the one that the Run was made for.
func loadModel(of request: RunRequest) throws -> ModelPackage {
    let model = try ModelPackage(contentsOf: request.modelDirectory)
    guard model.digest == request.modelDigest else {
        throw Fault(
            .operator,
            "E_MODEL_CHANGED",
            "The model package \(model.name) changed after this run was queued.",
            hint: "Put the former package back, or retry the series to contour it with the new one."
        )
    }
    return model
}
