import Segmentation

/// A model that the configuration names.
package struct ModelChoice: Sendable, Equatable {
    package var name: String
    package var directory: String
    package var digest: String

    /// Reads every model of a configuration.
    package static func all(_ configuration: Configuration) throws -> [ModelChoice] {
        let explicit = configuration.models.directory
        let catalog = ModelCatalog.locate(explicitDirectory: explicit.isEmpty ? nil : explicit)
        return try configuration.models.names.map { name in
            let model = try catalog.package(named: name)
            return ModelChoice(name: name, directory: model.directory, digest: model.digest)
        }
    }
}
