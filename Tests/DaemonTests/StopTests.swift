import Daemon
import Foundation
import Pipeline
import Store
import Testing

@Suite("What stops the work, in contourctl status", .enabled(if: TestService.program != nil, "contourd is not built"))
struct StopTests {
    @Test("A model that is damaged while the service runs is told while it lasts, and once in the journal")
    func damagedModel() throws {
        let service = try TestService(), series = try TestSeries()
        let models = service.folder.path + "/models"
        try FileManager.default.copyItem(atPath: Project.root.path + "/Sources/Models", toPath: models)
        var configuration = service.context.configuration
        configuration.models.directory = models
        service.context.replace(ServiceContext.Settings(reading: configuration))
        #expect(stops(service).isEmpty)
        let description = models + "/lungs/model.json"
        let whole = try Data(contentsOf: URL(fileURLWithPath: description))
        try whole.prefix(100).write(to: URL(fileURLWithPath: description))
        try series.drop(into: service.inbox + "/a")
        var isMended = false
        try service.runIntake(until: {
            let told = stops(service)
            if !isMended, !told.isEmpty {
                #expect(told.map(\.kind) == [.noModel] && told[0].code == "E_MODEL")
                #expect(told[0].reason.contains("model.json") && told[0].hint.contains("contourctl models"))
                try whole.write(to: URL(fileURLWithPath: description))
                isMended = true
            }
            return try service.runs(of: series).count == 1
        })
        #expect(isMended && stops(service).isEmpty)
        #expect(service.log.texts(.noModel).count == 1)
    }

    @Test("A damaged model is told until it can be used, whether or not a series waits for it")
    func mendedModel() throws {
        let service = try TestService()
        let models = service.folder.path + "/models"
        try FileManager.default.copyItem(atPath: Project.root.path + "/Sources/Models", toPath: models)
        var configuration = service.context.configuration
        configuration.models.directory = models
        let weights = models + "/lungs/weights.safetensors"
        try FileManager.default.moveItem(atPath: weights, toPath: weights + ".away")
        service.context.replace(ServiceContext.Settings(reading: configuration))
        #expect(stops(service).map(\.kind) == [.noModel])
        #expect(stops(service).first?.reason.hasPrefix("Model lungs: ") == true)
        try FileManager.default.moveItem(atPath: weights + ".away", toPath: weights)
        try service.runIntake(until: { stops(service).isEmpty })
        #expect(service.log.texts(.noModel).count == 1)
    }

    @Test("Parts that fail for a full disk are told together while they do, and once each in the journal")
    func failingParts() throws {
        let service = try TestService()
        let full = StoreError.database(code: 13, message: "database or disk is full", file: "/state/contourd.sqlite")
        for _ in 1...3 {
            service.context.failed("the intake", full)
            service.context.failed("the queue", index: 1, full)
        }
        let told = stops(service)
        #expect(told.map(\.kind) == [.failing] && told[0].code == "E_NO_SPACE")
        #expect(
            told[0].reason.hasPrefix("The intake and the queue failed: /state/contourd.sqlite: there is no space left")
        )
        #expect(service.log.texts(.internalError).count == 2)
        service.context.recovered("the intake")
        #expect(stops(service).first?.reason.hasPrefix("The queue failed") == true)
        service.context.recovered("the queue", index: 1)
        #expect(stops(service).isEmpty)
    }

    private func stops(_ service: TestService) -> [ServiceStatus.Stop] {
        let controller = Controller(store: service.store, state: service.context.state, context: service.context)
        guard case .status(let status) = controller.handle(.status) else { return [] }
        return status.stops
    }
}
