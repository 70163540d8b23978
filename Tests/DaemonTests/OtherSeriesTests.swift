import Daemon
import Foundation
import Platform
import Store
import Testing

@Suite("Series that are no CT", .enabled(if: TestService.program != nil, "contourd is not built"))
struct OtherSeriesTests {
    /// The CT of a phantom, called MR: other SOP Class, modality and series, as a scanner would write it.
    private func writeMR(_ series: TestSeries, into folder: String, study: String? = nil) throws -> String {
        let uid = "1.2.826.0.1.3680043.8.498.777"
        try Directory.create(folder)
        for (index, file) in series.files.prefix(3).enumerated() {
            var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
            try replace(
                &bytes,
                "1.2.840.10008.5.1.4.1.1.2",
                "1.2.840.10008.5.1.4.1.1.4",
                group: 0x0008,
                element: 0x0016
            )
            try replace(&bytes, "CT", "MR", group: 0x0008, element: 0x0060)
            try setUID(&bytes, uid, group: 0x0020, element: 0x000E)
            if let study { try setUID(&bytes, study, group: 0x0020, element: 0x000D) }
            try bytes.write(to: URL(fileURLWithPath: "\(folder)/MR\(index)"))
        }
        return uid
    }

    /// Explicit VR little endian: tag, VR, 16-bit length, value.
    private func place(_ bytes: Data, _ group: UInt16, _ element: UInt16) throws -> Range<Int> {
        let tag = Data([UInt8(group & 0xFF), UInt8(group >> 8), UInt8(element & 0xFF), UInt8(element >> 8)])
        let start = try #require(bytes.range(of: tag)).upperBound + 2
        return start..<start + 2 + Int(bytes[start]) + Int(bytes[start + 1]) << 8
    }

    private func setUID(_ bytes: inout Data, _ uid: String, group: UInt16, element: UInt16) throws {
        var value = Data(uid.utf8)
        if value.count % 2 == 1 { value.append(0) }
        bytes.replaceSubrange(try place(bytes, group, element), with: [UInt8(value.count), 0] + value)
    }

    private func replace(_ bytes: inout Data, _ old: String, _ new: String, group: UInt16, element: UInt16) throws {
        let found = try #require(bytes.range(of: Data(old.utf8), in: try place(bytes, group, element)))
        bytes.replaceSubrange(found, with: Data(new.utf8))
    }

    private func tell(_ service: TestService) throws {
        let start = ContinuousClock.now
        while let wait = try OtherSeriesRefusals(context: service.context).deliver() {
            usleep(UInt32(wait * 1_000_000))
            #expect(start.duration(to: .now) < .seconds(20))
        }
    }

    private func refused(_ service: TestService) throws -> [String] {
        try Directory.list(service.outbox).map(\.name).filter { $0.hasSuffix(".refused") }
    }

    @Test(
        "An MR alone is refused under its Series Instance UID, with its modality; its files stay, and nothing is told twice"
    )
    func alone() throws {
        let service = try TestService(), series = try TestSeries()
        let uid = try writeMR(series, into: service.inbox + "/Doe^John")
        try service.runIntake(until: { try service.store.instances(in: .ignored).count == 3 })
        try tell(service)
        #expect(try refused(service) == [uid + ".refused"])
        let text = try String(contentsOfFile: "\(service.outbox)/\(uid).refused/REFUSED.txt", encoding: .utf8)
        #expect(text.hasPrefix("This series was not contoured."))
        #expect(text.contains("This series is MR, and no CT of its study came. contourd contours CT."))
        #expect(text.contains("Code: E_NOT_CT") && text.contains(uid) && text.contains("3 files"))
        #expect(!text.contains("Doe"))
        #expect(try Directory.list(service.inbox + "/Doe^John").count == 3)
        try Directory.remove("\(service.outbox)/\(uid).refused")
        let again = try service.restarted()
        try Data(contentsOf: URL(fileURLWithPath: service.inbox + "/Doe^John/MR0"))
            .write(to: URL(fileURLWithPath: again.inbox + "/one more"))
        try again.runIntake(until: { try again.store.instances(in: .ignored).count == 4 })
        try tell(again)
        #expect(try refused(again).isEmpty)
    }

    @Test("Beside the CT of its study it is no news, whichever came first, unless the configuration wants to know")
    func besideCT() throws {
        for isWanted in [false, true] {
            let service = try TestService { $0.series.otherModalities = isWanted ? .always : .alone }
            let series = try TestSeries()
            let uid = try writeMR(series, into: service.inbox + "/MR")
            try series.drop(into: service.inbox + "/CT")
            try service.runIntake(until: {
                try service.store.instances(in: .ignored).count == 3
                    && service.store.series(seriesInstanceUID: series.uid)?.state == "sealed"
            })
            try tell(service)
            #expect(try refused(service) == (isWanted ? [uid + ".refused"] : []))
            #expect(try service.store.untoldOtherSeries().isEmpty)
        }
    }

    @Test("A CT of another study is no reason to keep quiet; \"never\" is")
    func otherStudy() throws {
        for isQuiet in [false, true] {
            let service = try TestService { $0.series.otherModalities = isQuiet ? .never : .alone }
            let series = try TestSeries()
            let uid = try writeMR(series, into: service.inbox + "/MR", study: "1.2.3.4.5.6.7")
            try series.drop(into: service.inbox + "/CT")
            try service.runIntake(until: {
                try service.store.instances(in: .ignored).count == 3
                    && service.store.series(seriesInstanceUID: series.uid)?.state == "sealed"
            })
            try tell(service)
            #expect(try refused(service) == (isQuiet ? [] : [uid + ".refused"]))
        }
    }

    @Test("As long as files come, the CT may be among them: nothing is told")
    func waiting() throws {
        let service = try TestService {
            $0.series.quietSeconds = 30; $0.series.incompleteAfterSeconds = 600
        }
        let series = try TestSeries()
        _ = try writeMR(series, into: service.inbox)
        try service.runIntake(until: { try service.store.instances(in: .ignored).count == 3 })
        let wait = try #require(try OtherSeriesRefusals(context: service.context).deliver())
        #expect(wait > 20 && wait <= 30)
        #expect(try refused(service).isEmpty)
    }
}
