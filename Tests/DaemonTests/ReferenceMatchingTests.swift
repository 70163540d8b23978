import Daemon
import Dicom
import Foundation
import Pipeline
import Store
import Testing

@Suite(
    "References that name no series",
    .serialized,
    .enabled(if: TestService.program != nil, "contourd is not built")
)
struct ReferenceMatchingTests {
    /// A structure set that names no series.
    ///
    /// - Parameter change: is called with each contour.
    private func set(
        of series: TestSeries,
        at path: String,
        uid: String = "2.25.4711",
        change: (Int, inout DataSet) -> Void = { _, _ in }
    ) throws {
        var file = try DicomFile(contentsOf: series.reference)
        file.dataSet.set(.sopInstanceUID, .UI, uid)
        file.dataSet.remove(.referencedFrameOfReferenceSequence)
        var rois = file.dataSet.sequence(.roiContourSequence)
        var number = 0
        for index in rois.indices {
            var contours = rois[index].sequence(.contourSequence)
            for n in contours.indices {
                change(number, &contours[n])
                number += 1
            }
            rois[index].set(.contourSequence, sequence: contours)
        }
        file.dataSet.set(.roiContourSequence, sequence: rois)
        try file.write(to: path, transferSyntax: .explicitVRLittleEndian)
    }

    private func references(_ service: TestService, _ series: TestSeries) throws -> [InstanceRecord] {
        try service.store.references(toSeriesInstanceUID: series.uid)
    }

    private func listed(_ service: TestService) -> [String] {
        let controller = Controller(store: service.store, state: service.context.state, context: nil)
        guard case .files(let lines) = controller.handle(.files) else { return [] }
        return lines.compactMap(\.reason)
    }

    @Test("One without images is told as a warning with what to do, and in the list of files")
    func nothingNamed() throws {
        let (service, series) = (try TestService(), try TestSeries())
        // One contour without its image is enough: it may be of another scan.
        try set(of: series, at: service.inbox + "/nameless.dcm") { number, contour in
            if number == 3 { contour.remove(.contourImageSequence) }
        }
        try series.drop(into: service.inbox)
        try service.runIntake(until: {
            try service.store.referencesWithoutSeries().count == 1 && service.runs(of: series).count == 1
        })
        let told = service.log.texts(.referenceWithoutSeries)
        #expect(told.count == 1 && told[0].contains("export it with its references"), "\(told)")
        #expect(service.log.texts(.referenceReceived).isEmpty)
        #expect(listed(service).count == 1 && listed(service)[0].hasPrefix("It names no series"), "\(listed(service))")
        #expect(try references(service, series).isEmpty)
    }

    @Test("Images that came say which series is meant, also when they were deleted after their time")
    func afterTheImages() throws {
        let (service, series) = (try TestService(), try TestSeries())
        try series.drop(into: service.inbox)
        try service.runIntake(until: { try service.runs(of: series).count == 1 })
        let number = try #require(try service.store.series(seriesInstanceUID: series.uid)).number
        try service.store.setImagesDeleted(ofSeries: number)
        let again = try service.restarted()
        try set(of: series, at: again.inbox + "/late.dcm")
        try again.runIntake(until: { try references(again, series).count == 1 })
        #expect(again.log.texts(.referenceReceived).contains { $0.contains("the one that its images belong to") })
        #expect(again.log.texts(.referenceWithoutSeries).isEmpty && listed(again).isEmpty)
    }

    @Test("One that comes before its images is kept, and its series is contoured with it")
    func beforeTheImages() throws {
        let (service, series) = (try TestService(), try TestSeries())
        try set(of: series, at: service.inbox + "/early.dcm")
        try service.runIntake(until: { try service.store.referencesWithoutSeries().count == 1 })
        #expect(
            listed(service).allSatisfy { $0.hasSuffix("It is kept until they have.") } && listed(service).count == 1
        )
        #expect(service.log.texts(.referenceWithoutSeries).isEmpty)
        let again = try service.restarted()
        try series.drop(into: again.inbox)
        try again.runIntake(until: { try again.runs(of: series).count == 1 })
        let run = try #require(try again.runs(of: series).first)
        let request = try RunJSON.decode(RunRequest.self, from: Data(run.request.utf8))
        let stored = try references(again, series).map(\.storedPath)
        #expect(stored.count == 1 && stored == request.referenceFiles)
        #expect(again.log.texts(.referenceReceived).contains { $0.contains("which its images belong to") })
    }

    @Test("One that names two series and contours images of one is a reference to that one alone")
    func contoursOne() throws {
        let (service, series, other) = (try TestService(), try TestSeries(), try TestSeries(seed: 2))
        var file = try DicomFile(contentsOf: series.reference)
        var frames = file.dataSet.sequence(.referencedFrameOfReferenceSequence)
        var studies = frames[0].sequence(.rtReferencedStudySequence)
        var named = studies[0].sequence(.rtReferencedSeriesSequence)
        var second = named[0]
        second.set(.seriesInstanceUID, .UI, other.uid)
        named.append(second)
        studies[0].set(.rtReferencedSeriesSequence, sequence: named)
        frames[0].set(.rtReferencedStudySequence, sequence: studies)
        file.dataSet.set(.referencedFrameOfReferenceSequence, sequence: frames)
        try file.write(to: service.inbox + "/both.dcm", transferSyntax: .explicitVRLittleEndian)
        try service.runIntake(until: { try references(service, other).count == 1 })
        let again = try service.restarted()
        try series.drop(into: again.inbox + "/a")
        try other.drop(into: again.inbox + "/b")
        try again.runIntake(until: { try again.runs(of: series).count == 1 && again.runs(of: other).count == 1 })
        func files(_ series: TestSeries) throws -> Int {
            let run = try #require(try again.runs(of: series).first)
            return try RunJSON.decode(RunRequest.self, from: Data(run.request.utf8)).referenceFiles.count
        }
        #expect(try files(series) == 1 && files(other) == 0)
    }

    @Test("One that is approved in place, under the UID that it had, is another reference; the same file again is none")
    func approvedInPlace() throws {
        let (service, series) = (try TestService(), try TestSeries())
        try series.drop(into: service.inbox)
        try set(of: series, at: service.inbox + "/first.dcm")
        try service.runIntake(until: {
            try references(service, series).count == 1 && service.runs(of: series).count == 1
        })
        let again = try service.restarted()
        var approved = try DicomFile(contentsOf: #require(references(again, series).first?.storedPath))
        approved.dataSet.set(.approvalStatus, .CS, "APPROVED")
        for name in ["approved", "once-more"] {
            try approved.write(to: "\(again.inbox)/\(name).dcm", transferSyntax: .explicitVRLittleEndian)
        }
        try again.runIntake(until: { again.log.texts(.fileRepeated).count == 1 })
        #expect(try references(again, series).count == 2)
        #expect(again.log.texts(.fileQuarantined).isEmpty)
    }

    @Test("One whose images are of two series is scored against neither")
    func twoSeries() throws {
        let (service, series, other) = (try TestService(), try TestSeries(), try TestSeries(seed: 2))
        try series.drop(into: service.inbox + "/a")
        try other.drop(into: service.inbox + "/b")
        try service.runIntake(until: {
            try service.runs(of: series).count == 1 && service.runs(of: other).count == 1
        })
        let again = try service.restarted()
        let image = try DicomFile(contentsOf: other.files[4]).dataSet.string(.sopInstanceUID) ?? ""
        try set(of: series, at: again.inbox + "/mixed.dcm") { number, contour in
            guard number == 3 else { return }
            var images = contour.sequence(.contourImageSequence)
            images[0].set(.referencedSOPInstanceUID, .UI, image)
            contour.set(.contourImageSequence, sequence: images)
        }
        try again.runIntake(until: { try again.store.referencesWithoutSeries().count == 1 })
        #expect(try references(again, series).isEmpty && references(again, other).isEmpty)
        #expect(again.log.texts(.referenceWithoutSeries).contains { $0.contains("its images are of several") })
        #expect(listed(again).contains { $0.contains("are of 2 series") })
    }
}
