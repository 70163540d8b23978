import Daemon
import Foundation
import Pipeline
import Platform
import Store
import Testing

@Suite("Files that were not taken, told in the outbox")
struct FileRefusalTests {
    private func setAside(_ service: TestService, _ path: String, code: String) throws -> Int64 {
        let instance = try service.store.beginParsing(inboxPath: path, snapshot: "1")
        let state: InstanceRecord.State = code == "E_TRUNCATED" ? .quarantined : .ignored
        try service.store.endInstance(instance.number, as: state, code: code, reason: "The reason of \(code).")
        return instance.number
    }

    private func outbox(_ service: TestService) throws -> [String] { try Directory.list(service.outbox).map(\.name) }

    @Test("One folder for each reason says why and which, without a path; junk is no news")
    func notices() throws {
        let service = try TestService { $0.series.quietSeconds = 0 }
        let first = try setAside(service, "/inbox/Doe/1", code: "E_TRUNCATED")
        let second = try setAside(service, "/inbox/Doe/2", code: "E_TRUNCATED")
        let third = try setAside(service, "/inbox/Doe/3", code: "E_PERMISSION")
        _ = try setAside(service, "/inbox/Doe/notes.txt", code: "E_NOT_DICOM")
        #expect(try FileRefusals(context: service.context).deliver() == nil)
        #expect(try outbox(service) == ["files-\(first).refused", "files-\(third).refused"])
        let text = try String(contentsOfFile: "\(service.outbox)/files-\(first).refused/REFUSED.txt", encoding: .utf8)
        #expect(text.contains("2 files were not taken. The reason of E_TRUNCATED."))
        #expect(text.contains("file \(first)") && text.contains("file \(second)"))
        #expect(!text.contains("Doe"))
    }

    @Test("A folder that may not be listed and a file that may not be read are told apart: advice differs")
    func reasons() throws {
        let service = try TestService { $0.series.quietSeconds = 0 }
        let store = service.store
        let folder = try store.beginParsing(inboxPath: "/inbox/Doe", snapshot: "folder")
        try store.endInstance(folder.number, as: .ignored, code: "E_PERMISSION", reason: "It may not be listed.")
        let file = try store.beginParsing(inboxPath: "/inbox/1", snapshot: "1")
        try store.endInstance(file.number, as: .ignored, code: "E_PERMISSION", reason: "It may not be read.")
        _ = try FileRefusals(context: service.context).deliver()
        #expect(try outbox(service) == ["files-\(folder.number).refused", "files-\(file.number).refused"])
        func text(_ number: Int64) throws -> String {
            try String(contentsOfFile: "\(service.outbox)/files-\(number).refused/REFUSED.txt", encoding: .utf8)
        }
        #expect(try text(folder.number).contains("Files in a folder were not taken. It may not be listed."))
        #expect(try text(file.number).contains("A file was not taken. It may not be read."))
    }

    @Test("Nothing is told twice, not even when the folder was taken away")
    func once() throws {
        let service = try TestService { $0.series.quietSeconds = 0 }
        let number = try setAside(service, "/inbox/1", code: "E_TRUNCATED")
        _ = try FileRefusals(context: service.context).deliver()
        try Directory.remove("\(service.outbox)/files-\(number).refused")
        _ = try FileRefusals(context: service.context).deliver()
        #expect(try outbox(service).isEmpty)
        #expect(try Directory.list(service.context.state.work).map(\.name).filter { $0.hasPrefix("notice") }.isEmpty)
    }

    @Test("As long as more of them come, nothing is told")
    func waiting() throws {
        let service = try TestService { $0.series.quietSeconds = 30 }
        _ = try setAside(service, "/inbox/1", code: "E_TRUNCATED")
        let wait = try #require(try FileRefusals(context: service.context).deliver())
        #expect(wait > 25 && wait <= 30)
        #expect(try outbox(service).isEmpty)
    }

    @Test("What a killed service had delivered is not told again; another notice of that name gets one of its own")
    func sameNameInOutbox() throws {
        let service = try TestService { $0.series.quietSeconds = 0 }
        func tell(_ details: [String]) throws {
            let notice = SenderNotice(context: service.context, isOfSeries: false, name: "files-1")
            try notice.deliver(Fault(.permanent, "E_TRUNCATED", "A file was not taken.", hint: "", details: details))
            try notice.clear()
        }
        try tell(["file 1, received in May"])
        try tell(["file 1, received in May"])
        #expect(try outbox(service) == ["files-1.refused"])
        // Numbers begin anew when the database is thrown away.
        try tell(["file 1, received in June"])
        try tell(["file 1, received in June"])
        #expect(try outbox(service) == ["files-1-2.refused", "files-1.refused"])
        let text = try String(contentsOfFile: "\(service.outbox)/files-1-2.refused/REFUSED.txt", encoding: .utf8)
        #expect(text.contains("received in June"))
    }
}
