// The page where an operator looks first.
param location string
param tags object
param workspaceId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'relink-workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Relink'
    category: 'workbook'
    sourceId: workspaceId
    serializedData: loadTextContent('../workbook.json')
  }
}
